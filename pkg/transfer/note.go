package transfer

import (
	"bytes"
	"encoding/binary"

	"rehome/pkg/shard"
	"rehome/pkg/value"
)

// A note is what a redo wants to know again of a row that was encoded, once it is decided what becomes of it. It lies beside the row in
// the target's session, where a user of any size has room.
type note struct {
	extra     bool // not the first row that a join made of its source row
	changed   bool
	hits      []value.Hit
	gathered  shard.Attributes // the counts alone
	originals []shard.Original // Column, Rule and Bytes alone
}

// marshal spells a note; nil is that of a first row which no rule has changed.
func (n *note) marshal() []byte {
	if !n.extra && !n.changed && n.gathered.Rows == 0 {
		return nil
	}
	flags := byte(0)
	if n.extra {
		flags |= 1
	}
	if n.changed {
		flags |= 2
	}
	out := []byte{flags}
	for _, count := range []int64{n.gathered.Rows, n.gathered.Gathered, n.gathered.LeftOut} {
		out = binary.AppendVarint(out, count)
	}
	if n.changed {
		for _, hit := range n.hits {
			out = binary.AppendUvarint(out, uint64(hit))
		}
	}
	for _, o := range n.originals {
		out = appendText(appendText(out, []byte(o.Column)), []byte(o.Rule))
		if o.Bytes == nil {
			out = append(out, 0)
			continue
		}
		out = appendText(append(out, 1), o.Bytes)
	}
	return out
}

func appendText(out, text []byte) []byte {
	return append(binary.AppendUvarint(out, uint64(len(text))), text...)
}

// readNote reads what marshal has spelled, of a row of so many columns. The originals are copies.
func readNote(raw []byte, columns int) (n note) {
	if len(raw) == 0 {
		return n
	}
	n.extra, n.changed = raw[0]&1 != 0, raw[0]&2 != 0
	r := bytes.NewReader(raw[1:])
	for _, count := range []*int64{&n.gathered.Rows, &n.gathered.Gathered, &n.gathered.LeftOut} {
		*count, _ = binary.ReadVarint(r)
	}
	if n.changed {
		n.hits = make([]value.Hit, columns)
		for i := range n.hits {
			hit, _ := binary.ReadUvarint(r)
			n.hits[i] = value.Hit(hit)
		}
	}
	for r.Len() > 0 {
		o := shard.Original{Column: string(readText(r)), Rule: string(readText(r))}
		if there, _ := r.ReadByte(); there == 1 {
			o.Bytes = readText(r)
		}
		n.originals = append(n.originals, o)
	}
	return n
}

func readText(r *bytes.Reader) []byte {
	size, _ := binary.ReadUvarint(r)
	out := make([]byte, min(size, uint64(r.Len())))
	_, _ = r.Read(out) // out is no longer than what is left
	return out
}
