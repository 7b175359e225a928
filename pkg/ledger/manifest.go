package ledger

import (
	"encoding/binary"
	"io"

	"github.com/jackc/pgx/v5/pgtype"

	"rehome/pkg/checksum"
	"rehome/pkg/shard"
)

const copyManifest = `
	COPY rehome.manifest (migration, ordinal, generation, entry, block, units, target_keys, legacy_keys, digests) FROM STDIN (FORMAT binary)`

// COPY's binary form begins with a signature, no flags and no extension, and ends with a row of -1 columns.
const (
	copyHeader  = "PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	copyTrailer = "\xff\xff"
)

// A column of rehome.manifest has a value for each row of a block.
type column struct {
	element uint32                                      // type of the array's elements; 0 where the values are one value, end to end
	width   func(row *shard.Arrived) int                // of a value
	spell   func(dst []byte, row *shard.Arrived) []byte // appends a value
}

// listed are the columns behind those that name the block.
var listed = [...]column{
	{pgtype.Int4OID, func(*shard.Arrived) int { return word }, func(dst []byte, row *shard.Arrived) []byte { return appendWord(dst, int(row.Unit)) }},
	{pgtype.ByteaOID, func(row *shard.Arrived) int { return len(row.TargetKey) }, func(dst []byte, row *shard.Arrived) []byte { return append(dst, row.TargetKey...) }},
	{pgtype.ByteaOID, func(row *shard.Arrived) int { return len(row.LegacyKey) }, func(dst []byte, row *shard.Arrived) []byte { return append(dst, row.LegacyKey...) }},
	{0, func(*shard.Arrived) int { return checksum.Size }, func(dst []byte, row *shard.Arrived) []byte { return row.Digest.Append(dst) }},
}

// A manifest is blocks as COPY takes them. It spells them while it is read, into the room that its reader has: it makes nothing for a row, and keeps
// nothing of it.
type manifest struct {
	id     shard.ID
	number int // of the first block
	blocks []shard.Block

	column, row int    // where it is in the first block; before its first column at -1
	rest        []byte // of a piece that there was no room for
	begun, over bool
}

func newManifest(id shard.ID, number int, blocks []shard.Block) *manifest {
	return &manifest{id: id, number: number, blocks: blocks, column: -1}
}

// Read spells as much as there is room for.
func (m *manifest) Read(p []byte) (n int, err error) {
	n = copy(p, m.rest)
	m.rest = m.rest[n:]
	for n < len(p) && !m.over {
		piece := m.next(p[n:n:len(p)]) // elsewhere, if there is not room enough
		fits := copy(p[n:], piece)
		m.rest, n = piece[fits:], n+fits
	}
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

// next appends what comes next.
func (m *manifest) next(dst []byte) []byte {
	if !m.begun {
		m.begun = true
		return append(dst, copyHeader...)
	}
	if len(m.blocks) == 0 {
		m.over = true
		return append(dst, copyTrailer...)
	}
	b := &m.blocks[0]
	if m.column < 0 {
		m.column, m.row = 0, 0
		return listed[0].head(m.name(dst, b.Entry), b.Rows)
	}
	if m.row < len(b.Rows) {
		dst, m.row = listed[m.column].values(dst, b.Rows, m.row)
		return dst
	}
	if m.column++; m.column < len(listed) {
		m.row = 0
		return listed[m.column].head(dst, b.Rows)
	}
	m.column, m.number, m.blocks = -1, m.number+1, m.blocks[1:]
	return dst
}

// name begins the row of a block with the columns that name it.
func (m *manifest) name(dst []byte, entry int) []byte {
	names := [...]int{m.id.Ordinal, m.id.Generation, entry, m.number}
	dst = binary.BigEndian.AppendUint16(dst, uint16(1+len(names)+len(listed)))
	dst = appendWord(dst, len(m.id.Migration))
	dst = append(dst, m.id.Migration...)
	for _, n := range names {
		dst = appendWord(appendWord(dst, 4), n)
	}
	return dst
}

// head begins the column: its length in bytes, and of an array what array_recv wants before the elements.
func (c *column) head(dst []byte, rows []shard.Arrived) []byte {
	size := 0
	for i := range rows {
		size += c.width(&rows[i])
	}
	if c.element == 0 {
		return appendWord(dst, size)
	}
	dst = appendWord(dst, 5*word+len(rows)*word+size)
	for _, n := range [...]int{1, 0, int(c.element), len(rows), 1} { // dimensions, no NULL, type, length, lower bound
		dst = appendWord(dst, n)
	}
	return dst
}

// values appends as many as there is room for, but one at least, and returns the row of the next.
func (c *column) values(dst []byte, rows []shard.Arrived, row int) ([]byte, int) {
	for begun := row; row < len(rows); row++ {
		width := c.width(&rows[row])
		if row > begun && cap(dst)-len(dst) < word+width {
			break
		}
		if c.element != 0 {
			dst = appendWord(dst, width)
		}
		dst = c.spell(dst, &rows[row])
	}
	return dst, row
}

const word = 4

func appendWord(dst []byte, n int) []byte { return binary.BigEndian.AppendUint32(dst, uint32(n)) }
