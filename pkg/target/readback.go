package target

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
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
	reader := &reader{shape: s, window: w, met: t.met, byKey: t.byKey, yield: yield}
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
	return r.stream(ctx, t.conn, query, params, types)
}

// readKeys reads the rows that are still absent by their key: those that went into free space of older pages, and those that an
// AFTER trigger has written anew. OFFSET 0 keeps the planner at one index look-up for each key.
func (t *Tx) readKeys(ctx context.Context, r *reader) error {
	query := `SELECT r.* FROM ` + r.unnested() + ` CROSS JOIN LATERAL (SELECT ` + r.list() +
		` FROM ` + r.quoted() + ` AS t WHERE ` + r.meets("k.k") + ` OFFSET 0) AS r`
	var missing [][]byte
	for i, met := range r.met {
		if !met {
			missing = append(missing, r.window.Rows[i].TargetKey)
		}
	}
	for len(missing) > 0 {
		some := missing[:min(batch, len(missing))]
		missing = missing[len(some):]
		params, types, err := r.arrays(some)
		if err != nil {
			return err
		}
		if err := r.stream(ctx, t.conn, query, params, types); err != nil {
			return err
		}
	}
	return nil
}

// A reader passes on each row of a window once. Rows mostly come in the order of the COPY.
type reader struct {
	*shape
	window     *shard.Window
	met        []bool
	next       int            // behind the newest row that was met
	indexed    bool           // since a row has come out of order
	sorted     bool           // the keys ascend, so that a row is found without byKey
	byKey      map[string]int // else the positions of the rows
	key, tuple []byte
	yield      func(at int, tuple []byte) error
}

// stream passes on the rows of a query that have not been met, as they come.
func (r *reader) stream(ctx context.Context, conn *pgx.Conn, query string, params [][]byte, types []uint32) error {
	s := sieveOf(conn)
	if s == nil {
		return stream(ctx, conn.PgConn(), query, params, types, "read back "+r.full(), r.full(), func(values [][]byte) error {
			r.tuple = appendTuple(r.tuple[:0], values)
			return r.row(r.tuple)
		})
	}
	var err error
	s.on(func(tuple []byte) {
		if err == nil {
			err = r.row(tuple)
		}
	})
	defer s.off()
	nobody := func([][]byte) error { return nil }
	if streamed := stream(ctx, conn.PgConn(), query, params, types, "read back "+r.full(), r.full(), nobody); err == nil {
		err = streamed
	}
	return err
}

// row passes on a row that has not been met. Others were passed on before, or belong to a window before this one that shares its first page.
func (r *reader) row(tuple []byte) error {
	at, err := r.find(tuple)
	if err != nil || at < 0 || r.met[at] {
		return err
	}
	r.met[at], r.next = true, at+1
	return r.yield(at, tuple)
}

// find returns the position of the row, -1 where the window has none with its key.
func (r *reader) find(tuple []byte) (int, error) {
	rows := r.window.Rows
	if r.next < len(rows) && r.window.Ends != nil && bytes.Equal(r.window.Tuple(r.next), tuple) {
		return r.next, nil // whose key is the same, as all is
	}
	var err error
	if r.key, err = appendKey(r.key[:0], tuple, r.at); err != nil {
		return -1, fmt.Errorf("read back %s: %w", r.full(), err)
	}
	if r.next < len(rows) && bytes.Equal(rows[r.next].TargetKey, r.key) {
		return r.next, nil
	}
	return r.lookUp(), nil
}

// lookUp returns the position of the row that has the key, -1 where there is none.
func (r *reader) lookUp() int {
	rows := r.window.Rows
	if !r.indexed {
		r.indexed = true
		r.sorted = slices.IsSortedFunc(rows, func(a, b shard.Arrived) int { return bytes.Compare(a.TargetKey, b.TargetKey) })
		if !r.sorted {
			clear(r.byKey)
			for i := range rows {
				r.byKey[string(rows[i].TargetKey)] = i
			}
		}
	}
	if r.sorted {
		if at, known := slices.BinarySearchFunc(rows, r.key, func(row shard.Arrived, key []byte) int { return bytes.Compare(row.TargetKey, key) }); known {
			return at
		}
	} else if at, known := r.byKey[string(r.key)]; known {
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
