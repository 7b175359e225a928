package target

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/sync/errgroup"

	"rehome/pkg/pausepoint"
	"rehome/pkg/shard"
)

// What surrounds the tuples of a binary COPY: signature, no flags, no header extension; and the field count -1.
var (
	copyHeader  = []byte("PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00")
	copyTrailer = []byte{0xff, 0xff}
)

// Send has the window's tuples, as far as it holds them, sent by the binary COPY that Copy will end, and returns while they are on their way:
// their bytes must not change any more, and no other method than Send, Copy and Undo may be called before Copy. It waits while the server is
// behind. An error is the server's about one of the rows so far; only Undo is left then.
func (t *Tx) Send(ctx context.Context, w *shard.Window) error {
	s, err := t.shape(ctx, w.Entry)
	if err != nil {
		return err
	}
	if t.copying == nil {
		t.begin(ctx, w, s, mostBefore)
	}
	return t.copying.send(len(w.Tuples))
}

// Copy sends the window's rows by one binary COPY, or what is left of them after Send. A table that took another number of rows is a Defect.
func (t *Tx) Copy(ctx context.Context, w *shard.Window) error {
	if len(w.Rows) == 0 {
		return nil
	}
	s, err := t.shape(ctx, w.Entry)
	if err != nil {
		return err
	}
	if t.copying == nil {
		t.begin(ctx, w, s, min(mostBefore, 4*(len(w.Tuples)/blockBytes+1)))
	}
	c := t.copying
	if err := c.send(c.sent + (len(w.Tuples)-c.sent)/2); err != nil {
		return err
	}
	pausepoint.At("copying")
	if err := c.send(len(w.Tuples)); err != nil {
		return err
	}
	t.copying = nil
	taken, err := c.end(io.EOF)
	if err != nil {
		return err
	}
	if taken != int64(len(w.Rows)) {
		return shard.Fail(shard.Defect, "not_stored:"+s.full(),
			fmt.Errorf("copy %d rows into %s: the table took %d of them; a trigger or rule keeps rows out, take it off or leave the entry out", len(w.Rows), s.full(), taken))
	}
	t.marks[w] = c.mark
	return nil
}

// A copying is a COPY under way: a goroutine of its own has the connection until it has ended.
type copying struct {
	window *shard.Window
	mark   mark
	table  string
	sent   int // bytes of the window's tuples that were handed over
	feed   feed
	work   errgroup.Group
	ended  chan struct{}
	tag    pgconn.CommandTag
}

// begin starts a COPY that looks for its rows from so many pages before the table's end on.
func (t *Tx) begin(ctx context.Context, w *shard.Window, s *shape, before int) {
	c := &copying{window: w, table: s.full(), mark: mark{number: t.free(), depth: t.depth, before: before}, ended: make(chan struct{})}
	c.feed = feed{chunks: make(chan []byte), rest: copyHeader}
	statement := c.mark.set(s) + `COPY ` + s.quoted() + ` (` + s.list() + `) FROM STDIN (FORMAT binary)`
	c.work.Go(func() (err error) {
		defer close(c.ended)
		c.tag, err = t.conn.PgConn().CopyFrom(ctx, &c.feed, statement)
		if err != nil && ctx.Err() != nil { // else it is what was met first: that the reader, or the writer, had closed the connection
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		}
		return err
	})
	t.copying = c
}

// send hands the tuples over up to the limit. Where the COPY has ended meanwhile, it was refused.
func (c *copying) send(limit int) error {
	if limit == c.sent {
		return nil
	}
	select {
	case c.feed.chunks <- c.window.Tuples[c.sent:limit]:
		c.sent = limit
		return nil
	case <-c.ended:
		return c.failed(c.work.Wait())
	}
}

// end ends the COPY: by io.EOF well, by another error as one that is given up. It returns how many rows the table took.
func (c *copying) end(by error) (rows int64, err error) {
	c.feed.by = by
	close(c.feed.chunks)
	err = c.work.Wait()
	return c.tag.RowsAffected(), c.failed(err)
}

func (c *copying) failed(err error) error {
	return classify(err, fmt.Sprintf("copy %d rows into %s", len(c.window.Rows), c.table), c.table)
}

// A feed is what a COPY reads: the header, the chunks as they come, and the trailer where it ends well.
type feed struct {
	chunks chan []byte
	rest   []byte
	by     error // how it ends, set before chunks is closed
	over   bool
}

// Read implements io.Reader.
func (f *feed) Read(p []byte) (int, error) {
	for len(f.rest) == 0 {
		chunk, more := <-f.chunks
		switch {
		case more:
			f.rest = chunk
		case errors.Is(f.by, io.EOF) && !f.over:
			f.rest, f.over = copyTrailer, true
		default:
			return 0, f.by
		}
	}
	n := copy(p, f.rest)
	f.rest = f.rest[n:]
	return n, nil
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
