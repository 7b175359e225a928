// Package audit reads both sides of a shard again and tells each row that is what it should be from each that is not: identical,
// changed by a rule of the mapping, or different, and then by whom. The legacy rows come by a reading, and both sides are compared by
// comparisons, that the migration does not use. It changes nothing but the ledger, and puts nothing right. It knows neither MySQL nor
// PostgreSQL: it declares the interfaces that it needs of them.
package audit

import (
	"context"
	"fmt"
	"time"

	"rehome/pkg/keyspace"
	"rehome/pkg/mapping"
	"rehome/pkg/shard"
)

// A Source reads the legacy database from one snapshot. Its errors carry a shard.Failure.
type Source interface {
	// Plain streams the entry's rows of the slice like Rows, by a reading of its own.
	Plain(ctx context.Context, e *mapping.RowPlan, s shard.Slice, yield func(shard.Row) error) error
	// Rows streams them as the migration reads them.
	Rows(ctx context.Context, e *mapping.RowPlan, s shard.Slice, yield func(shard.Row) error) error
	// Units returns the keys of the slice's units.
	Units(ctx context.Context, s shard.Slice) ([]keyspace.Key, error)
}

// A Target reads the fed tables. Its errors carry a shard.Failure.
type Target interface {
	// Stored passes the rows that have one of the keys to yield, in no order.
	Stored(ctx context.Context, e *mapping.RowPlan, keys [][]byte, yield func(*shard.Stored) error) error
	// Added passes the rows of the entry's table whose keys the given table, with a column target_key, does not hold.
	Added(ctx context.Context, e *mapping.RowPlan, in string, yield func(*shard.Stored) error) error
}

// A Book is the ledger in the transaction of an audit's shard: the standing rows of the audited shard's manifest, each of which is
// taken once, and what the audit comes to.
type Book interface {
	// Units returns the users whose rows the audited shard brought, nil where its units are rows, and whether users who have
	// appeared in its range are this shard's to report.
	Units(ctx context.Context) (users []keyspace.Key, newcomers bool, err error)
	// Unheld returns which of the users no shard has read.
	Unheld(ctx context.Context, users []keyspace.Key) ([]keyspace.Key, error)
	// Take takes the standing rows of the entry under the pairs, in their order; one that is not known has a zero Base.
	Take(ctx context.Context, entry int, pairs []shard.Pair) ([]shard.Base, error)
	// Stash keeps rows of the entry for which Take knew nothing.
	Stash(ctx context.Context, entry int, rows []shard.Unmatched) error
	// Left takes up to limit of the entry's standing rows that are left, and tells of each whether a stashed row has its legacy key.
	Left(ctx context.Context, entry, limit int) ([]shard.Base, error)
	// New returns the stashed rows of the entry that count, that have not the legacy key of a row that Left returned, and that
	// neither wait nor are set aside. It ends the entry.
	New(ctx context.Context, entry int, yield func(shard.Unmatched) error) error
	// Standing names a table with a column target_key that holds the keys of all rows of the entries that stand by our doing.
	Standing(ctx context.Context, entries []int) (string, error)
	// Owners returns the users to whom the entry's rows with the target keys belong, nil where it knows none.
	Owners(ctx context.Context, entry int, keys [][]byte) ([][]byte, error)
	// Conclude writes what the audit came to and turns its shard to done.
	Conclude(ctx context.Context, r *shard.AuditResult) error
}

// Limits bound what one shard may take. The zero value of a field means its default.
type Limits struct {
	WindowRows  int // rows that are compared at once, 4k by default
	WindowBytes int // and their size, 4 MiB by default; a wider row makes a window of its own
	Findings    int // that are listed for one shard, 1,000 by default
}

func (l Limits) orDefault() Limits {
	if l.WindowRows == 0 {
		l.WindowRows = 4 << 10
	}
	if l.WindowBytes == 0 {
		l.WindowBytes = 4 << 20
	}
	if l.Findings == 0 {
		l.Findings = 1000
	}
	return l
}

// An Auditor audits shards of one mapping. It holds no state between shards; any number of goroutines may use it.
type Auditor struct {
	Mapping *mapping.Compiled
	Zone    *time.Location // of the legacy database's local times
	Limits  Limits
}

// Audit audits the rows of a shard of kind shard.Audit; nothing counts until the caller has committed. Where the shard is of no
// kind of units, it looks for rows of its entry's table that no manifest knows. Its errors carry a shard.Failure.
func (a *Auditor) Audit(ctx context.Context, s *shard.Shard, src Source, tgt Target, book Book) (*shard.AuditResult, error) {
	started := time.Now()
	r := &run{Auditor: a, limits: a.Limits.orDefault(), shard: s, src: src, tgt: tgt, book: book, tally: newTally()}
	var err error
	if s.Of == "" {
		err = r.strays(ctx)
	} else {
		err = r.rows(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("audit shard %s: %w", s, err)
	}
	result := r.tally.result()
	result.Receipt.Started, result.Receipt.Finished = started.UTC(), time.Now().UTC()
	if err := book.Conclude(ctx, result); err != nil {
		return nil, fmt.Errorf("conclude the audit of shard %s: %w", s, err)
	}
	return result, nil
}

// A run is the audit of one shard.
type run struct {
	*Auditor
	limits Limits
	shard  *shard.Shard
	src    Source
	tgt    Target
	book   Book
	tally  *tally
}

// rows compares the rows of both sides that the audited shard is about, entry by entry.
func (r *run) rows(ctx context.Context) error {
	users, newcomers, err := r.book.Units(ctx)
	if err != nil {
		return err
	}
	for _, plan := range r.plans() {
		slice := shard.Slice{Kind: r.shard.Of, Range: r.shard.Range}
		if r.shard.Of.ByUser() {
			slice.Only = users
		} else {
			slice.Entry = plan
		}
		if err := r.entry(ctx, plan, slice); err != nil {
			return fmt.Errorf("compare %s: %w", plan.Into, err)
		}
	}
	if !newcomers {
		return nil
	}
	return r.newcomers(ctx)
}

// plans returns the entries whose rows the audited shard holds.
func (r *run) plans() []*mapping.RowPlan {
	var plans []*mapping.RowPlan
	if !r.shard.Of.ByUser() {
		p := r.Mapping.Plans[r.shard.Entry]
		if len(p.Columns) > 0 && (r.shard.Of == shard.OwnKey || p.OfUsers() && p.Unowned == mapping.UnownedMigrate) {
			plans = append(plans, p) // of others, no row arrives
		}
		return plans
	}
	for _, p := range r.Mapping.Plans[:len(r.Mapping.File.Tables)] {
		if p.OfUsers() {
			plans = append(plans, p)
		}
	}
	return plans
}

// entry compares the rows of one entry: those that the legacy database has, then what the manifest has beyond them.
func (r *run) entry(ctx context.Context, plan *mapping.RowPlan, slice shard.Slice) error {
	if slice.Only == nil || len(slice.Only) > 0 {
		w := newWindow(r, plan, slice)
		if err := r.src.Plain(ctx, plan, slice, func(row shard.Row) error { return w.take(ctx, row) }); err != nil {
			return err
		}
		if err := w.flush(ctx); err != nil {
			return err
		}
		if err := w.readAgain(ctx); err != nil {
			return err
		}
	}
	for {
		left, err := r.book.Left(ctx, plan.Ordinal, r.limits.WindowRows)
		if err != nil {
			return err
		}
		if len(left) == 0 {
			break
		}
		if err := r.left(ctx, plan, left); err != nil {
			return err
		}
	}
	return r.book.New(ctx, plan.Ordinal, func(n shard.Unmatched) error {
		r.find(plan, shard.Finding{Class: shard.LegacyNew, User: n.User, LegacyKey: n.LegacyKey})
		return nil
	})
}

// left judges rows of the manifest that the legacy database has not, or not under these keys.
func (r *run) left(ctx context.Context, plan *mapping.RowPlan, left []shard.Base) error {
	keys, at := make([][]byte, len(left)), make(map[string]int, len(left))
	for i, base := range left {
		keys[i] = base.TargetKey
		at[string(base.TargetKey)] = i
	}
	classes := make([]shard.Class, len(left))
	err := r.tgt.Stored(ctx, plan, keys, func(s *shard.Stored) error {
		i := at[string(s.Key)]
		switch {
		case digest(plan, s.Tuple) != left[i].Digest:
			classes[i] = shard.Changed
		case left[i].Moved:
			classes[i] = shard.LegacyChanged
		default:
			classes[i] = shard.LegacyGone
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i, base := range left {
		class := classes[i]
		if class == "" {
			class = shard.Deleted
		}
		r.find(plan, shard.Finding{Class: class, User: base.User, LegacyKey: base.LegacyKey, TargetKey: base.TargetKey})
	}
	return nil
}

// newcomers reports the users of the range whom no shard has read.
func (r *run) newcomers(ctx context.Context) error {
	all, err := r.src.Units(ctx, shard.Slice{Kind: r.shard.Of, Range: r.shard.Range})
	if err != nil {
		return err
	}
	unheld, err := r.book.Unheld(ctx, all)
	if err != nil {
		return err
	}
	for _, key := range unheld {
		r.tally.count(shard.Audited{Entry: -1, Class: shard.LegacyNew})
		r.tally.find(r.limits.Findings, shard.Finding{Class: shard.LegacyNew, Entry: -1, User: key.Canonical()})
		r.tally.suspect(shard.Suspect{Of: shard.OfUsers, Entry: -1, Unit: key})
	}
	return nil
}
