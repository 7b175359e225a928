package legacy

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"rehome/pkg/keyspace"
	"rehome/pkg/mapping"
	"rehome/pkg/shard"
	"rehome/pkg/value"
)

// String names the rows in errors.
func (q question) String() string {
	if q.plan == nil {
		return "the users"
	}
	return fmt.Sprintf("%s for %s (%s)", q.plan.Source, q.plan.Into, q.kind)
}

// Rows streams the plan's rows of the slice to yield, each as the unit's key, the row source's primary key and the plan's Select.
// A row that a join drops comes, in a slice of unowned rows, without cells: nil. A plan that gathers has further cells, made of the
// attributes of a row's user, and in Attributes what became of these; of an attribute table come, without cells, the rows of no user, or in a
// slice of users those whose user has no row that takes them in. The cells are valid until yield returns. An
// error of yield comes back as it is, and the snapshot can still be read. Who has no more use of a row clears its Cells: they are all that
// keeps it in memory. A warning that the server raised while it read is a
// Data failure, after all rows, and so is a row wider than the Reading allows.
func (s *Snapshot) Rows(ctx context.Context, p *mapping.RowPlan, slice shard.Slice, yield func(shard.Row) error) error {
	q := s.question(p, slice).directly(slice)
	if _, err := rowsOf(p, slice.Rows); err != nil {
		return shard.Fail(shard.Defect, "", fmt.Errorf("read the rows of %s: %w", q, err))
	}
	switch {
	case p.Gather != nil && slice.Kind.ByUser():
		return s.gather(ctx, p, slice, yield)
	case p.GatheredBy != nil && slice.Kind.ByUser() && q.covered():
		return nil
	}
	r := s.reader(q, yield)
	err := s.parts(q, slice, func(part clause) error {
		if slice.Kind != shard.Unowned || p.OfUsers() {
			if err := stream(ctx, s.conn, q.rows(part), r.row); err != nil {
				return err
			}
			if err := warned(ctx, s.conn, p.Into); err != nil {
				return err
			}
		}
		if slice.Kind != shard.Unowned || !p.Joined {
			return nil
		}
		return stream(ctx, s.conn, q.droppedRows(part), r.dropped)
	})
	if err != nil {
		return s.failed(err, "read the rows of %s", q)
	}
	return nil
}

// A reader makes rows of cells.
type reader struct {
	question
	limit int64
	yield func(shard.Row) error
	kinds []keyspace.Kind // of the unit's key, where a row begins with one
	unit  []byte          // the newest row's: rows of one unit mostly follow each other, and share it
	made  keyMaker
}

func (s *Snapshot) reader(q question, yield func(shard.Row) error) *reader {
	r := &reader{question: q, limit: s.maxRow, yield: yield}
	if q.kind != shard.Unowned {
		_, r.kinds = q.unit()
	}
	return r
}

func (r *reader) row(cells []value.Cell) error {
	unit, rest, err := r.unitOf(cells)
	if err != nil {
		return r.fault("", err)
	}
	if r.has != nil && !r.has(unit) {
		return nil
	}
	if n := width(cells); n > r.limit {
		return r.tooWide(n)
	}
	n := len(r.plan.SourceKey)
	k, err := r.made.key(rest[:n], r.plan.SourceKinds)
	if err != nil {
		return r.fault("", err)
	}
	clear(cells[:len(cells)-len(rest)+n]) // they lie in the same memory as the row
	if r.kind == shard.Unowned {
		unit = r.made.canonical(k)
	}
	row := shard.Row{Unit: unit, Key: k, Cells: rest[n:]}
	if r.plan.GatheredBy != nil {
		row.Cells = nil
	}
	return r.yield(row)
}

// unitOf takes the unit's key off the cells, if it has one of its own.
func (r *reader) unitOf(cells []value.Cell) ([]byte, []value.Cell, error) {
	n := len(r.kinds)
	if n != 1 || r.kinds[0] == keyspace.Binary {
		if n == 0 {
			return nil, cells, nil
		}
		k, err := r.made.key(cells[:n], r.kinds)
		if err != nil {
			return nil, nil, err
		}
		r.unit = r.made.canonical(k)
		return r.unit, cells[n:], nil
	}
	if cells[0] == nil {
		return nil, nil, errNullKey
	}
	if r.unit == nil || !bytes.Equal(cells[0], r.unit) {
		r.unit = r.made.clone(cells[0])
	}
	return r.unit, cells[1:], nil
}

func (r *reader) dropped(cells []value.Cell) error {
	k, err := r.made.key(cells, r.plan.SourceKinds)
	if err != nil {
		return r.fault("", err)
	}
	return r.yield(shard.Row{Unit: r.made.canonical(k), Key: k})
}

func (r *reader) fault(cause string, err error) error {
	return shard.Fail(shard.Data, cause, fmt.Errorf("read the rows of %s: %w", r.question, err))
}

// deprecations are warnings about the words of a statement, which change no value.
var deprecations = []string{"1287", "1681", "3719", "3778", "4159"}

// warned returns a Data failure when the last statement raised a warning. Its text may hold values, its number does not.
func warned(ctx context.Context, conn *sql.Conn, into string) error {
	n, err := warningCount(ctx, conn)
	if err != nil || n == 0 {
		return err
	}
	codes, harmless, err := warningCodes(ctx, conn)
	if err != nil || int64(harmless) == n {
		return err
	}
	return shard.Fail(shard.Data, "warning:"+into, fmt.Errorf("the server raised %d warnings (%s), so that a value may not be what is stored: "+
		"make the expressions say what becomes of such values", n-int64(harmless), strings.Join(codes, ", ")))
}

// warningCount asks in the text protocol: preparing a statement would clear the warnings.
func warningCount(ctx context.Context, conn *sql.Conn) (n int64, err error) {
	err = conn.QueryRowContext(ctx, `SHOW COUNT(*) WARNINGS`).Scan(&n)
	return n, err
}

// warningCodes returns the numbers of the warnings, each once, and how many were none that matter.
func warningCodes(ctx context.Context, conn *sql.Conn) (codes []string, harmless int, err error) {
	rows, err := conn.QueryContext(ctx, `SHOW WARNINGS`)
	if err != nil {
		return nil, 0, err
	}
	defer rows.Close()
	for rows.Next() {
		var level, code string
		var text sql.RawBytes
		if err := rows.Scan(&level, &code, &text); err != nil {
			return nil, 0, err
		}
		if slices.Contains(deprecations, code) {
			harmless++
		} else if !slices.Contains(codes, code) {
			codes = append(codes, code)
		}
	}
	return codes, harmless, rows.Err()
}
