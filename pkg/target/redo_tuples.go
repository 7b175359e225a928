package target

import (
	"bytes"
	"encoding/binary"
	"io"
)

// fieldCount is the length of the number of fields that a tuple begins with.
const fieldCount = 2

// A staging is rows on their way into a temporary table.
type staging struct{ buf []byte }

func newStaging() *staging { return &staging{} }

func (t *staging) begin(fields int) { t.buf = binary.BigEndian.AppendUint16(t.buf, uint16(fields)) }

func (t *staging) int4(n int32) {
	t.buf = binary.BigEndian.AppendUint32(append(t.buf, 0, 0, 0, 4), uint32(n))
}

func (t *staging) int8(n int64) {
	t.buf = binary.BigEndian.AppendUint64(append(t.buf, 0, 0, 0, 8), uint64(n))
}

func (t *staging) bytes(b []byte) { t.buf = appendField(t.buf, b) }

// raw appends fields that are spelled already.
func (t *staging) raw(fields []byte) { t.buf = append(t.buf, fields...) }

// reader returns the rows as a binary COPY.
func (t *staging) reader() io.Reader {
	return io.MultiReader(bytes.NewReader(copyHeader), bytes.NewReader(t.buf), bytes.NewReader(copyTrailer))
}

// notNil keeps an empty key from becoming NULL.
func notNil(key []byte) []byte {
	if key == nil {
		return []byte{}
	}
	return key
}
