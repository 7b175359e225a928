package preflight

import (
	"context"
	"io"

	"rehome/pkg/keyspace"
	"rehome/pkg/mapping"
	"rehome/pkg/shard"
	"rehome/pkg/value"
)

// A Source reads the legacy database from one consistent snapshot, a statement at a time. Its errors carry a shard.Failure.
type Source interface {
	// Units returns the keys of the slice's units in the legacy database's own order.
	Units(ctx context.Context, s shard.Slice) ([]keyspace.Key, error)
	// CountUnits counts them.
	CountUnits(ctx context.Context, s shard.Slice) (int64, error)
	// Cut returns the key of the nth of them, from 1; nil where there are fewer.
	Cut(ctx context.Context, s shard.Slice, n int) (keyspace.Key, error)
	// Extremes returns the lowest and the highest value of each of the expressions over all rows that the entry takes.
	Extremes(ctx context.Context, e *mapping.RowPlan, exprs []string) (low, high []value.Cell, err error)
	// Rows streams the entry's rows of the slice; the cells are valid until yield returns.
	Rows(ctx context.Context, e *mapping.RowPlan, s shard.Slice, yield func(shard.Row) error) error
}

// A Target is asked about rows that it does not hold. It stores nothing.
type Target interface {
	// Jury returns what judges rows of the entry: by its table's CHECK constraints, and by the unique constraints and indexes of
	// the given names.
	Jury(ctx context.Context, e *mapping.RowPlan, uniques []string) (Jury, error)
}

// A Jury judges rows of one entry by what only the target's server can evaluate.
type Jury interface {
	// Laws tells what it judges by.
	Laws() Laws
	// Hear judges tuples in binary COPY form, one after the other, the ith of which ends at ends[i], and hands the verdict on each to
	// yield, in their order.
	Hear(ctx context.Context, tuples []byte, ends []int, yield func(i int, v Verdict) error) error
}

// Laws are the constraints of a table, as far as a jury knows them.
type Laws struct {
	Uniques    []string            // that it makes keys for, in the order of Verdict.Keys
	Concerned  map[string][]string // the columns at which each constraint and unique index looks, by its name
	NullsEqual []string            // unique constraints and indexes of the table under which two NULLs collide
	Any        bool                // it has something to judge by
	Unjudged   []string            // constraints that nobody can judge before the run
}

// A Verdict is what a jury says of one row.
type Verdict struct {
	Cause string   // KIND:TABLE.CONSTRAINT of the first constraint that refuses the row; empty for none
	Keys  [][]byte // for each of Laws.Uniques bytes that are equal for rows that collide; nil for a row that cannot
}

// A File is a temporary file. Its bytes are keyed hashes, and mean nothing without the process that wrote them.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
}
