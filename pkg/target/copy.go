package target

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"rehome/pkg/pausepoint"
	"rehome/pkg/shard"
)

// What surrounds the tuples of a binary COPY: signature, no flags, no header extension; and the field count -1.
var (
	copyHeader  = []byte("PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00")
	copyTrailer = []byte{0xff, 0xff}
)

// Copy sends the window's rows by one binary COPY. A table that took another number of rows is a Defect.
func (t *Tx) Copy(ctx context.Context, w *shard.Window) error {
	if len(w.Rows) == 0 {
		return nil
	}
	s, err := t.shape(ctx, w.Entry)
	if err != nil {
		return err
	}
	what := fmt.Sprintf("copy %d rows into %s", len(w.Rows), s.full())
	m := mark{number: t.free(), depth: t.depth, before: min(mostBefore, 4*(len(w.Tuples)/blockBytes+1))}
	half := len(w.Tuples) / 2
	stream := io.MultiReader(bytes.NewReader(copyHeader), bytes.NewReader(w.Tuples[:half]), midway{}, bytes.NewReader(w.Tuples[half:]),
		bytes.NewReader(copyTrailer))
	tag, err := t.conn.PgConn().CopyFrom(ctx, stream, m.set(s)+`COPY `+s.quoted()+` (`+s.list()+`) FROM STDIN (FORMAT binary)`)
	if err != nil {
		return classify(err, what, s.full())
	}
	if tag.RowsAffected() != int64(len(w.Rows)) {
		return shard.Fail(shard.Defect, "not_stored:"+s.full(),
			fmt.Errorf("%s: the table took %d of them; a trigger or rule keeps rows out, take it off or leave the entry out", what, tag.RowsAffected()))
	}
	t.marks[w] = m
	return nil
}

// free returns the lowest number that no mark has: it is always the same while each window is read back before the next is copied.
func (t *Tx) free() int {
	used := map[int]bool{}
	for _, m := range t.marks {
		used[m.number] = true
	}
	number := 1
	for used[number] {
		number++
	}
	return number
}

// midway is nothing to read, in the middle of a COPY.
type midway struct{}

func (midway) Read([]byte) (int, error) {
	pausepoint.At("copying")
	return 0, io.EOF
}

// setting is the name of the transaction's setting that holds the page. The server remembers it, so that to measure takes no round trip.
func (m mark) setting() string { return fmt.Sprintf("rehome.page_%d", m.number) }

// Where several sessions copy into a table, the server adds up to 512 pages at once, and gives them to whoever comes next. To look
// through some pages too many is cheaper than to look rows up by their keys.
const (
	mostBefore = 256
	blockBytes = 8192 // about: of most servers
)

// set is the statement that notes a page a little before the table's last, which may have room left: what is copied next is there, behind
// it, or in free space anywhere before.
func (m mark) set(s *shape) string {
	if !s.paged {
		return ""
	}
	return fmt.Sprintf(`SELECT set_config('%s', greatest(pg_relation_size(%d::oid::regclass) / current_setting('block_size')::int8 - %d, 0)::text, true); `,
		m.setting(), s.OID, m.before)
}

// first is the page that was noted, as the address of its first row.
func (m mark) first() string { return `('(' || current_setting('` + m.setting() + `') || ',0)')::tid` }
