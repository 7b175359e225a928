package ledger

import (
	"encoding/binary"
	"errors"
	"maps"
	"slices"

	"rehome/pkg/shard"
)

// counted returns what the ledger keeps of each unit: set aside, left out, gathered and extra rows by entry, without entries that have none of them.
func counted(sums []shard.Table) []shard.Table {
	if len(sums) == 0 {
		return nil
	}
	byEntry := map[int]shard.Table{}
	for _, t := range sums {
		sum := byEntry[t.Entry]
		sum.Entry = t.Entry
		sum.SetAside, sum.LeftOut = sum.SetAside+t.SetAside, sum.LeftOut+t.LeftOut
		sum.Gathered, sum.Extra = sum.Gathered+t.Gathered, sum.Extra+t.Extra
		byEntry[t.Entry] = sum
	}
	var out []shard.Table
	for _, entry := range slices.Sorted(maps.Keys(byEntry)) {
		if t := byEntry[entry]; t != (shard.Table{Entry: entry}) {
			out = append(out, t)
		}
	}
	return out
}

// appendCounts encodes what counted has returned.
func appendCounts(b []byte, sums []shard.Table) []byte {
	b = binary.AppendUvarint(b, uint64(len(sums)))
	for _, t := range sums {
		b = binary.AppendUvarint(b, uint64(t.Entry))
		b = binary.AppendVarint(b, t.SetAside)
		b = binary.AppendVarint(b, t.LeftOut)
		b = binary.AppendVarint(b, t.Gathered)
		b = binary.AppendVarint(b, t.Extra)
	}
	return b
}

var errCounts = errors.New("read the counts of a unit in the ledger: they are cut short")

// counts reads what appendCounts has written, one value after the other.
type counts struct {
	raw []byte
	bad bool
}

func (c *counts) uvarint() uint64 {
	v, n := binary.Uvarint(c.raw)
	return take(c, v, n)
}

func (c *counts) varint() int64 {
	v, n := binary.Varint(c.raw)
	return take(c, v, n)
}

func take[T int64 | uint64](c *counts, v T, n int) T {
	if n <= 0 {
		c.raw, c.bad = nil, true
		return 0
	}
	c.raw = c.raw[n:]
	return v
}

func (c *counts) tables() (sums []shard.Table) {
	for n := c.uvarint(); n > 0 && !c.bad; n-- {
		t := shard.Table{Entry: int(c.uvarint())}
		t.SetAside, t.LeftOut, t.Gathered, t.Extra = c.varint(), c.varint(), c.varint(), c.varint()
		sums = append(sums, t)
	}
	return sums
}

func decodeCounts(raw []byte) ([]shard.Table, error) {
	c := counts{raw: raw}
	sums := c.tables()
	if c.bad || len(c.raw) > 0 {
		return nil, errCounts
	}
	return sums, nil
}

// appendBlockCounts adds the counts of one unit to those of its block of a roster; units come in their order, and those without counts do not come.
func appendBlockCounts(b []byte, unit int, sums []shard.Table) []byte {
	return appendCounts(binary.AppendUvarint(b, uint64(unit)), sums)
}

// decodeBlockCounts returns the counts of a roster's block by position in it.
func decodeBlockCounts(raw []byte) (map[int32][]shard.Table, error) {
	out := map[int32][]shard.Table{}
	c := counts{raw: raw}
	for len(c.raw) > 0 {
		unit := int32(c.uvarint())
		out[unit] = c.tables()
	}
	if c.bad {
		return nil, errCounts
	}
	return out, nil
}
