package target

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"

	"rehome/pkg/shard"
)

// batch bounds how many keys one statement looks up.
const batch = 4096

// ReadBack reads the window's rows as they are stored and passes each exactly once, without order, to yield: its position in the window, and
// the row in binary tuple form, which yield must not keep, nor use the connection. Rows that cannot be found by their key make it return having passed fewer.
func (t *Tx) ReadBack(ctx context.Context, w *shard.Window, yield func(at int, tuple []byte) error) error {
	if len(w.Rows) == 0 {
		return nil
	}
	s, err := t.shape(ctx, w.Entry)
	if err != nil {
		return err
	}
	t.met = slices.Grow(t.met[:0], len(w.Rows))[:len(w.Rows)]
	clear(t.met)
	reader := &reader{shape: s, rows: w.Rows, met: t.met, byKey: t.byKey, yield: yield}
	m, marked := t.marks[w]
	delete(t.marks, w)
	if marked && s.paged {
		if err := t.readPages(ctx, reader, m, w.Rows[0].TargetKey); err != nil {
			return err
		}
	}
	return t.readKeys(ctx, reader)
}

// readPages reads the rows from the marked page on that the window's own (sub)transaction has written: a savepoint has an xid of its
// own, so the first row tells which.
func (t *Tx) readPages(ctx context.Context, r *reader, m mark, first []byte) error {
	query := `SELECT ` + r.list() + ` FROM ` + r.quoted() + ` AS p WHERE p.ctid >= ` + m.first() +
		` AND p.xmin = (SELECT t.xmin FROM ` + r.quoted() + ` AS t WHERE ` + r.meets("$") + `)`
	var params [][]byte
	var types []uint32
	for _, k := range r.keys {
		field, rest, err := cutField(first)
		if err != nil {
			return fmt.Errorf("read back %s: %w", r.full(), err)
		}
		params, types, first = append(params, field[lengthWord:]), append(types, k.Type), rest
	}
	return r.stream(ctx, t.conn.PgConn(), query, params, types)
}

// readKeys reads the rows that are still absent by their key: those that went into free space of older pages, and those that an
// AFTER trigger has written anew. OFFSET 0 keeps the planner at one index look-up for each key.
func (t *Tx) readKeys(ctx context.Context, r *reader) error {
	query := `SELECT r.* FROM ` + r.unnested() + ` CROSS JOIN LATERAL (SELECT ` + r.list() +
		` FROM ` + r.quoted() + ` AS t WHERE ` + r.meets("k.k") + ` OFFSET 0) AS r`
	var missing [][]byte
	for i, met := range r.met {
		if !met {
			missing = append(missing, r.rows[i].TargetKey)
		}
	}
	for len(missing) > 0 {
		some := missing[:min(batch, len(missing))]
		missing = missing[len(some):]
		params, types, err := r.arrays(some)
		if err != nil {
			return err
		}
		if err := r.stream(ctx, t.conn.PgConn(), query, params, types); err != nil {
			return err
		}
	}
	return nil
}

// A reader passes on each row of a window once. Rows mostly come in the order of the COPY.
type reader struct {
	*shape
	rows       []shard.Arrived
	met        []bool
	next       int            // behind the newest row that was met
	byKey      map[string]int // filled when a row comes out of order
	filled     bool
	key, tuple []byte
	yield      func(at int, tuple []byte) error
}

// stream passes on the rows of a query that have not been met. Others were passed on before, or belong to a window before this one
// that shares its first page.
func (r *reader) stream(ctx context.Context, conn *pgconn.PgConn, query string, params [][]byte, types []uint32) error {
	return stream(ctx, conn, query, params, types, "read back "+r.full(), r.full(), func(values [][]byte) error {
		r.key = r.key[:0]
		for _, at := range r.at {
			r.key = appendField(r.key, values[at])
		}
		at := r.find()
		if at < 0 || r.met[at] {
			return nil
		}
		r.met[at], r.next = true, at+1
		r.tuple = appendTuple(r.tuple[:0], values)
		return r.yield(at, r.tuple)
	})
}

// find returns the position of the row that has the key, -1 where the window has none.
func (r *reader) find() int {
	if r.next < len(r.rows) && bytes.Equal(r.rows[r.next].TargetKey, r.key) {
		return r.next
	}
	if !r.filled {
		r.filled = true
		clear(r.byKey)
		for i := range r.rows {
			r.byKey[string(r.rows[i].TargetKey)] = i
		}
	}
	if at, known := r.byKey[string(r.key)]; known {
		return at
	}
	return -1
}

// stream runs a query with binary parameters and passes each row's binary values, valid until the next one, to each. An error of each
// ends it and is returned as it is.
func stream(ctx context.Context, conn *pgconn.PgConn, query string, params [][]byte, types []uint32, what, table string,
	each func(values [][]byte) error) error {
	binaryForm := []int16{1}
	result := conn.ExecParams(ctx, query, params, types, binaryForm, binaryForm)
	for result.NextRow() {
		if err := each(result.Values()); err != nil {
			_, _ = result.Close() // the reason to end is each's
			return err
		}
	}
	_, err := result.Close()
	return classify(err, what, table)
}
