package legacy

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"rehome/pkg/keyspace"
	"rehome/pkg/mapping"
	"rehome/pkg/shard"
	"rehome/pkg/value"
)

// DefaultMaxRowBytes is how wide a row may be where a Reading does not say it.
const DefaultMaxRowBytes = 64 << 20

// A Reading is what a snapshot is read with.
type Reading struct {
	Users       mapping.Keyspace
	MaxRowBytes int64 // of the cells of one row together; 0 is DefaultMaxRowBytes
}

// A Snapshot reads the database as it stood at one moment, over a connection of its own. It is not safe for concurrent use; the
// caller closes it. Its errors carry a shard.Failure and no value. After an error of the link, only Close is left.
type Snapshot struct {
	conn     *sql.Conn
	users    mapping.Keyspace
	maxRow   int64
	position Position
	gathered *sizes
}

// Snapshot opens a snapshot of this moment.
func (db *DB) Snapshot(ctx context.Context, r Reading) (*Snapshot, error) {
	conn, err := db.pool.Conn(ctx)
	if err != nil {
		return nil, failed(err, "connect to the legacy database at %s", db.address)
	}
	s := &Snapshot{conn: conn, users: r.Users, maxRow: r.MaxRowBytes, gathered: &db.gathered}
	if s.maxRow == 0 {
		s.maxRow = DefaultMaxRowBytes
	}
	if s.position, err = begin(ctx, conn, db.version); err != nil {
		return nil, errors.Join(failed(err, "start a snapshot of the legacy database at %s", db.address), s.Close())
	}
	return s, nil
}

// endTimeout bounds the end of a snapshot, which no caller's context cuts short.
const endTimeout = 5 * time.Second

// Close ends the snapshot. A connection that cannot end its transaction is not used again.
func (s *Snapshot) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), endTimeout)
	defer cancel()
	if _, err := s.conn.ExecContext(ctx, `ROLLBACK`); err != nil {
		// The pool closes the connection on ErrBadConn, and with it the snapshot is over, which is all that was wanted.
		_ = s.conn.Raw(func(any) error { return driver.ErrBadConn })
	}
	if err := s.conn.Close(); err != nil && !errors.Is(err, sql.ErrConnDone) {
		return failed(err, "close a snapshot of the legacy database")
	}
	return nil
}

// Position returns where the legacy binlog stood at the snapshot, empty without one.
func (s *Snapshot) Position() string { return s.position.Text }

// Units returns the keys of the slice's units in the legacy database's own order. Units of an own key that several rows share
// are spelled as their rows spell them, each spelling once.
func (s *Snapshot) Units(ctx context.Context, slice shard.Slice) ([]keyspace.Key, error) {
	q := s.question(slice.Entry, slice)
	var units []keyspace.Key
	seen := map[string]bool{}
	err := s.units(ctx, q, slice, func(k keyspace.Key, _ []value.Cell) error {
		if q.kind == shard.OwnKey {
			text := string(k.Canonical())
			if seen[text] {
				return nil
			}
			seen[text] = true
		}
		units = append(units, k)
		return nil
	})
	if err != nil {
		return nil, s.failed(err, "read the units of %s", q)
	}
	return units, nil
}

func (s *Snapshot) units(ctx context.Context, q question, slice shard.Slice, yield func(keyspace.Key, []value.Cell) error) error {
	exprs, kinds := q.unit()
	var made keyMaker
	return s.parts(q, slice, func(part clause) error {
		return stream(ctx, s.conn, q.units(part), func(cells []value.Cell) error {
			k, err := made.key(cells[:len(exprs)], kinds)
			if err != nil {
				return shard.Fail(shard.Data, "", fmt.Errorf("read the units of %s: %w", q, err))
			}
			return yield(k, cells[len(exprs):])
		})
	})
}

// Count counts the rows of the plan's row source that belong to the slice, whether or not its condition takes them.
func (s *Snapshot) Count(ctx context.Context, p *mapping.RowPlan, slice shard.Slice) (int64, error) {
	q := s.question(p, slice)
	n, err := s.sum(ctx, q, slice, q.count)
	if err != nil {
		return 0, s.failed(err, "count the rows of %s", q)
	}
	return n, nil
}

// LeftOut counts those among them that the plan's condition leaves out; of an attribute table those whose user's row is left out.
func (s *Snapshot) LeftOut(ctx context.Context, p *mapping.RowPlan, slice shard.Slice) (int64, error) {
	if !filtered(p, slice) {
		return 0, nil
	}
	q := s.question(p, slice)
	n, err := s.sum(ctx, q, slice, q.leftOut)
	if err != nil {
		return 0, s.failed(err, "count the rows that %s leaves out", q)
	}
	return n, nil
}

func (s *Snapshot) sum(ctx context.Context, q question, slice shard.Slice, ask func(clause) clause) (total int64, err error) {
	err = s.parts(q, slice, func(part clause) error {
		n, err := number(ctx, s.conn, ask(part))
		total += n
		return err
	})
	return total, err
}

func (s *Snapshot) parts(q question, slice shard.Slice, do func(clause) error) error {
	exprs, kinds := q.unit()
	all, err := parts(exprs, kinds, slice)
	if err != nil {
		return shard.Fail(shard.Defect, "", err)
	}
	for _, part := range all {
		if err := do(part); err != nil {
			return err
		}
	}
	return nil
}

func (s *Snapshot) question(p *mapping.RowPlan, slice shard.Slice) question {
	q := question{users: s.users, plan: p, kind: slice.Kind, wave: slice.Where}
	if slice.Rows != nil {
		q.only, _ = rowsOf(p, slice.Rows) // Rows has looked at the error
	}
	return q
}

// rowsOf is the condition that a row of the plan's row source has one of the keys.
func rowsOf(p *mapping.RowPlan, keys []keyspace.Key) (clause, error) {
	if len(keys) == 0 {
		return clause{sql: "FALSE"}, nil
	}
	return among(p.SourceKey, p.SourceKinds, keys)
}

// failed is failed, but an error of the one who reads comes back as it is.
func (s *Snapshot) failed(err error, format string, args ...any) error {
	if own := (stopped{}); errors.As(err, &own) {
		return own.error
	}
	return failed(err, format, args...)
}
