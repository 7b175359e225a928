package community

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/go-sql-driver/mysql"
	"golang.org/x/sync/errgroup"
)

// chunkItems bounds the transaction of one LOAD DATA statement.
const chunkItems = 100_000

// table is a legacy table and how its rows come about: emit writes the rows of one item, none or several.
type table struct {
	name    string
	columns string
	items   int
	emit    func(i int, r *row)
	keys    string // what ALTER TABLE adds after the load, which is faster than to keep them during it
}

// load writes a table in chunks, and then its keys, over one connection.
func load(ctx context.Context, db *sql.DB, t table) (err error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("load %s: %w", t.name, err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	const dirty = `SET SESSION sql_mode = '', time_zone = '+00:00', unique_checks = 0, foreign_key_checks = 0`
	if _, err := conn.ExecContext(ctx, dirty); err != nil {
		return fmt.Errorf("load %s: allow dirty data: %w", t.name, err)
	}
	for from := 0; from < t.items; from += chunkItems {
		to := min(from+chunkItems, t.items)
		if err := loadChunk(ctx, conn, t, from, to); err != nil {
			return fmt.Errorf("load items [%d,%d) of %s: %w", from, to, t.name, err)
		}
	}
	if t.keys == "" {
		return nil
	}
	if _, err := conn.ExecContext(ctx, "ALTER TABLE "+t.name+" "+t.keys); err != nil {
		return fmt.Errorf("index %s: %w", t.name, err)
	}
	return nil
}

// readers numbers the driver's reader handlers, which are global to the process.
var readers atomic.Int64

func loadChunk(ctx context.Context, conn *sql.Conn, t table, from, to int) error {
	source, sink := io.Pipe()
	handler := "community-" + strconv.FormatInt(readers.Add(1), 10)
	mysql.RegisterReaderHandler(handler, func() io.Reader { return source })
	defer mysql.DeregisterReaderHandler(handler)

	var group errgroup.Group
	group.Go(func() error {
		r := row{w: bufio.NewWriterSize(sink, 1<<16)}
		for i := from; i < to && r.err == nil; i++ {
			t.emit(i, &r)
		}
		// A reader that is gone has said why by itself.
		return sink.CloseWithError(errors.Join(r.err, r.w.Flush()))
	})
	_, err := conn.ExecContext(ctx, `LOAD DATA LOCAL INFILE 'Reader::`+handler+`' INTO TABLE `+t.name+`
		CHARACTER SET utf8mb4 FIELDS TERMINATED BY '\t' ESCAPED BY '\\' LINES TERMINATED BY '\n' (`+t.columns+`)`+t.set())
	return errors.Join(err, source.Close(), group.Wait())
}

// set lets bytes that are no text arrive as they are.
func (t table) set() string {
	if t.name == "profiles" {
		return " SET signature = UNHEX(@signature)"
	}
	return ""
}

// row writes lines as LOAD DATA reads them.
type row struct {
	w   *bufio.Writer
	buf []byte
	mid bool // a field is on the line already
	err error
}

func (r *row) field() {
	if r.mid {
		r.buf = append(r.buf, '\t')
	}
	r.mid = true
}

func (r *row) null() {
	r.field()
	r.buf = append(r.buf, '\\', 'N')
}

func (r *row) int(n int) {
	r.field()
	r.buf = strconv.AppendInt(r.buf, int64(n), 10)
}

func (r *row) uint(n uint64) {
	r.field()
	r.buf = strconv.AppendUint(r.buf, n, 10)
}

func (r *row) hex(text string) {
	r.field()
	r.buf = fmt.Appendf(r.buf, "%x", text)
}

func (r *row) time(at time.Time) {
	r.field()
	r.buf = at.AppendFormat(r.buf, time.DateTime)
}

func (r *row) text(text string) {
	r.field()
	for i := range len(text) {
		switch c := text[i]; c {
		case 0:
			r.buf = append(r.buf, '\\', '0')
		case '\t', '\n', '\\':
			r.buf = append(r.buf, '\\', map[byte]byte{'\t': 't', '\n': 'n', '\\': '\\'}[c])
		default:
			r.buf = append(r.buf, c)
		}
	}
}

func (r *row) end() {
	r.buf = append(r.buf, '\n')
	if _, err := r.w.Write(r.buf); err != nil && r.err == nil {
		r.err = err
	}
	r.buf, r.mid = r.buf[:0], false
}
