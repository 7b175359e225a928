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
	from, err := t.lastBlock(ctx, s)
	if err != nil {
		return err
	}
	half := len(w.Tuples) / 2
	stream := io.MultiReader(bytes.NewReader(copyHeader), bytes.NewReader(w.Tuples[:half]), midway{}, bytes.NewReader(w.Tuples[half:]),
		bytes.NewReader(copyTrailer))
	tag, err := t.conn.PgConn().CopyFrom(ctx, stream, `COPY `+s.quoted()+` (`+s.list()+`) FROM STDIN (FORMAT binary)`)
	if err != nil {
		return classify(err, what, s.full())
	}
	if tag.RowsAffected() != int64(len(w.Rows)) {
		return shard.Fail(shard.Defect, "not_stored:"+s.full(),
			fmt.Errorf("%s: the table took %d of them; a trigger or rule keeps rows out, take it off or leave the entry out", what, tag.RowsAffected()))
	}
	t.marks[w] = mark{block: from, depth: t.depth}
	return nil
}

// midway is nothing to read, in the middle of a COPY.
type midway struct{}

func (midway) Read([]byte) (int, error) {
	pausepoint.At("copying")
	return 0, io.EOF
}

// lastBlock returns the table's last page, which may have room left: what is copied next is there, behind it, or in free space
// anywhere before.
func (t *Tx) lastBlock(ctx context.Context, s *shape) (uint32, error) {
	if !s.paged {
		return 0, nil
	}
	const query = `SELECT pg_relation_size($1::oid::regclass) / current_setting('block_size')::int8`
	var blocks int64
	if err := t.conn.QueryRow(ctx, query, s.OID).Scan(&blocks); err != nil {
		return 0, classify(err, "measure "+s.full(), s.full())
	}
	return uint32(max(blocks-1, 0)), nil
}
