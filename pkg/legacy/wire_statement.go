package legacy

import (
	"context"
	"database/sql/driver"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/go-sql-driver/mysql"

	"rehome/pkg/shard"
	"rehome/pkg/value"
)

// ownBytes is how long a statement with its parameters may be to go over the wire. The driver knows how a longer one gets to the server.
const ownBytes = 512 << 10

// mostColumns is how many a result may have.
const mostColumns = 4096

// carries reports whether the wire can send the clause.
func (w *wire) carries(c clause) bool {
	if w == nil {
		return false
	}
	size := len(c.sql)
	for _, arg := range c.args {
		size += 16
		switch arg := arg.(type) {
		case int64, uint64:
		case string:
			size += len(arg)
		case []byte:
			size += len(arg)
		default:
			return false
		}
	}
	return size <= ownBytes
}

// stream is stream over the wire.
func (k *keeper) stream(ctx context.Context, c clause, yield func([]value.Cell) error) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !k.IsValid() {
		return driver.ErrBadConn
	}
	unwatch := context.AfterFunc(ctx, func() { _ = k.wire.conn.Close() })
	defer func() {
		if !unwatch() {
			k.wire.broken = true
		}
		if k.wire.broken {
			_ = k.wire.conn.Close() // which the driver finds out, whatever it is asked
			err = whyBroken(ctx, err)
		}
	}()
	k.wire.begin()
	defer k.wire.end()
	closer, kept, err := k.keep(asked{c.sql, true}, func() (io.Closer, error) { return k.wire.prepare(c.sql) })
	if err != nil {
		return err
	}
	if !kept {
		defer func() { err = errors.Join(err, closer.Close()) }()
	}
	return closer.(*statement).run(c.args, yield)
}

// whyBroken is the context's end where that is why a connection broke. What the reader or the server has said counts first.
func whyBroken(ctx context.Context, err error) error {
	var said *mysql.MySQLError
	if err == nil || ctx.Err() == nil || errors.As(err, new(stopped)) || errors.As(err, &said) {
		return err
	}
	return ctx.Err()
}

// A statement is one that the server has prepared.
type statement struct {
	*wire
	id     uint32
	params int
	fields []field // as they were told last
}

// prepare has the server prepare the text.
func (w *wire) prepare(sql string) (*statement, error) {
	if err := w.command(append(append(make([]byte, headerBytes, headerBytes+1+len(sql)), commandPrepare), sql...)); err != nil {
		return nil, err
	}
	data, err := w.packet()
	if err != nil {
		return nil, err
	}
	in := cursor{data: data}
	if in.number(1) != answerOK {
		return nil, w.malformed("no statement")
	}
	s := &statement{wire: w, id: uint32(in.number(4))}
	columns := int(in.number(2))
	s.params = int(in.number(2))
	if in.short {
		return nil, w.malformed("a statement that is cut short")
	}
	if _, err := w.columns(nil, s.params); err != nil {
		return nil, err
	}
	s.fields, err = w.columns(nil, columns)
	return s, err
}

// Close has the server forget the statement. It does not answer.
func (s *statement) Close() error {
	return s.command(binary.LittleEndian.AppendUint32(append(make([]byte, headerBytes, 9), commandClose), s.id))
}

// run executes the statement and hands each row to yield. When yield fails, the rest is read past.
func (s *statement) run(args []any, yield func([]value.Cell) error) error {
	if len(args) != s.params {
		return fmt.Errorf("bind a statement: %d values for %d parameters", len(args), s.params)
	}
	if err := s.command(s.execution(args)); err != nil {
		return err
	}
	data, err := s.packet()
	if err != nil {
		return err
	}
	if data[0] == answerOK {
		return s.last(data)
	}
	if err := s.told(data); err != nil {
		return err
	}
	return s.rows(yield)
}

// execution is the packet that executes the statement with the arguments, which carries has looked at.
func (s *statement) execution(args []any) []byte {
	out := append(make([]byte, headerBytes, 64+32*len(args)), commandExecute)
	out = binary.LittleEndian.AppendUint32(out, s.id)
	out = append(out, 0, 1, 0, 0, 0) // without a cursor, once
	if len(args) == 0 {
		return out
	}
	out = append(out, make([]byte, (len(args)+7)/8)...) // none is NULL
	out = append(out, 1)                                // types follow
	for _, arg := range args {
		switch arg.(type) {
		case int64:
			out = append(out, typeLongLong, 0)
		case uint64:
			out = append(out, typeLongLong, 0x80)
		default:
			out = append(out, typeString, 0)
		}
	}
	for _, arg := range args {
		switch arg := arg.(type) {
		case int64:
			out = binary.LittleEndian.AppendUint64(out, uint64(arg))
		case uint64:
			out = binary.LittleEndian.AppendUint64(out, arg)
		case string:
			out = append(appendLength(out, len(arg)), arg...)
		case []byte:
			out = append(appendLength(out, len(arg)), arg...)
		}
	}
	return out
}

// appendLength appends a length of less than 16 MiB.
func appendLength(out []byte, n int) []byte {
	switch {
	case n <= mostShort:
		return append(out, byte(n))
	case n < 1<<16:
		return append(out, length2, byte(n), byte(n>>8))
	}
	return append(out, length3, byte(n), byte(n>>8), byte(n>>16))
}

// told reads the head of a result: how many columns it has and, where they are told, what they are.
func (s *statement) told(data []byte) (err error) {
	in := cursor{data: data}
	n, follow := in.length(), true
	if s.keptMetadata {
		follow = in.number(1) != 0
	}
	if in.short || n > mostColumns {
		return s.malformed("a result of no number of columns")
	}
	if follow {
		s.fields, err = s.columns(s.fields[:0], int(n))
		return err
	}
	if int(n) != len(s.fields) {
		return s.malformed("a result of other columns than were told")
	}
	return s.separator()
}

// columns reads what n columns are.
func (w *wire) columns(fields []field, n int) ([]field, error) {
	for range n {
		data, err := w.packet()
		if err != nil {
			return nil, err
		}
		f, ok := fieldOf(data)
		if !ok {
			return nil, w.malformed("a column that is cut short")
		}
		fields = append(fields, f)
	}
	if n == 0 {
		return fields, nil
	}
	return fields, w.separator()
}

// separator reads the EOF packet behind columns, where there is one.
func (w *wire) separator() error {
	if w.endsWithOK {
		return nil
	}
	data, err := w.packet()
	if err == nil && (data[0] != answerEnd || len(data) != 5) {
		err = w.malformed("columns without an end")
	}
	return err
}

// last reads the packet that ends an answer.
func (w *wire) last(data []byte) error {
	in := cursor{data: data[1:]}
	if data[0] == answerEnd && !w.endsWithOK {
		in.number(2) // warnings
	} else {
		in.length() // rows
		in.length() // the last identifier
	}
	const moreFollow = 8
	if status := in.number(2); in.short || status&moreFollow != 0 {
		return w.malformed("a result that does not end")
	}
	return nil
}

// rows hands each row of the result to yield.
func (s *statement) rows(yield func([]value.Cell) error) error {
	row, err := newBinaryRow(s.fields)
	if err != nil {
		_ = s.pass()
		return shard.Fail(shard.Schema, "", err)
	}
	for {
		data, err := s.row()
		if data == nil || err != nil {
			return err
		}
		cells, ok := row.read(data)
		if !ok {
			return s.malformed("a row that is not what its columns are")
		}
		err = yield(cells)
		clear(cells) // they alone keep a wide row in memory, and who reads them may let go of it before
		if err != nil {
			_ = s.pass() // who reads has said why no more is read
			return stopped{err}
		}
	}
}

// row reads the packet of the next row, nil at the result's end.
func (w *wire) row() ([]byte, error) {
	data, err := w.packet()
	switch {
	case err != nil:
		return nil, err
	case data[0] == answerEnd:
		return nil, w.last(data)
	case data[0] != answerOK:
		return nil, w.malformed("no row")
	}
	return data, nil
}

// pass reads past the rest of a result.
func (w *wire) pass() error {
	for {
		if data, err := w.row(); data == nil || err != nil {
			return err
		}
	}
}
