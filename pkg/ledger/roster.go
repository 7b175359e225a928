package ledger

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/jackc/pgx/v5/pgtype"

	"rehome/pkg/checksum"
	"rehome/pkg/shard"
)

// A rosterRow names units of one family and block.
type rosterRow struct {
	family
	block  int
	redo   bool
	keys   [][]byte // nil for a unit that is of another family, or left out
	counts []byte
}

const copyRoster = `
	COPY rehome.roster (migration, ordinal, generation, block, of_kind, entry, redo, keys, hashes, counts) FROM STDIN (FORMAT binary)`

// writeRoster writes the rows, of which there may be many: as parameters of a statement for each they would cost several times as much.
func (b *Book) writeRoster(ctx context.Context, rows []*rosterRow) error {
	if len(rows) == 0 {
		return nil
	}
	id := b.claim.Shard.ID
	if _, err := b.tx.Conn().PgConn().CopyFrom(ctx, &rosters{id: id, rows: rows, rest: []byte(copyHeader)}, copyRoster); err != nil {
		return fmt.Errorf("write the roster of shard %s: %w", id, err)
	}
	return nil
}

// rosters are rows as COPY takes them. One is spelled when those before it are read.
type rosters struct {
	id   shard.ID
	rows []*rosterRow
	rest []byte // of what is spelled
	room []byte
	over bool
}

// Read implements io.Reader.
func (r *rosters) Read(p []byte) (n int, err error) {
	for len(r.rest) == 0 {
		switch {
		case len(r.rows) > 0:
			r.room = r.rows[0].append(r.room[:0], r.id)
			r.rest, r.rows = r.room, r.rows[1:]
		case !r.over:
			r.rest, r.over = []byte(copyTrailer), true
		default:
			return 0, io.EOF
		}
	}
	n = copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// append spells the row.
func (r *rosterRow) append(dst []byte, id shard.ID) []byte {
	dst = binary.BigEndian.AppendUint16(dst, 10)
	dst = appendText(dst, id.Migration)
	for _, n := range [...]int{id.Ordinal, id.Generation, r.block} {
		dst = appendWord(appendWord(dst, word), n)
	}
	dst = appendText(dst, string(r.of))
	dst = appendWord(appendWord(dst, word), r.entry)
	redo := byte(0)
	if r.redo {
		redo = 1
	}
	dst = append(appendWord(dst, 1), redo)
	dst = r.array(dst, pgtype.ByteaOID, func(dst, key []byte) []byte { return append(appendWord(dst, len(key)), key...) })
	dst = r.array(dst, pgtype.Int8OID, func(dst, key []byte) []byte {
		return binary.BigEndian.AppendUint64(appendWord(dst, hashBytes), uint64(checksum.Key(key)))
	})
	return appendText(dst, string(r.counts))
}

const hashBytes = 8

// array spells a column that has an element for each key, or NULL.
func (r *rosterRow) array(dst []byte, element uint32, spell func(dst, key []byte) []byte) []byte {
	at := len(dst)
	dst = appendWord(dst, 0)
	for _, n := range [...]int{1, 1, int(element), len(r.keys), 1} { // dimensions, maybe NULLs, type, length, lower bound
		dst = appendWord(dst, n)
	}
	for _, key := range r.keys {
		if key == nil {
			dst = appendWord(dst, -1)
			continue
		}
		dst = spell(dst, key)
	}
	binary.BigEndian.PutUint32(dst[at:], uint32(len(dst)-at-word))
	return dst
}

func appendText(dst []byte, text string) []byte { return append(appendWord(dst, len(text)), text...) }
