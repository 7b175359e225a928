// Package keyspace holds the bounds of shards: opaque keys in the order in which the legacy database sorts them, ranges between
// them that tile the whole, and the weighing that turns fine cells into shards of even weight. It never compares two keys for
// order, because only the legacy database knows its collations; it only checks that each range ends where the next begins.
package keyspace

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
)

// A Kind says how a key's column is compared and how its value is spelled in a Key.
type Kind uint8

// The kinds of key columns that rehome can split and follow.
const (
	Integer Kind = iota + 1 // integers of every width and sign, spelled in decimal
	Text                    // character types under any collation, spelled in UTF-8
	Binary                  // binary types, spelled in lower-case hexadecimal digits
)

// String returns the kind's name as it is shown to a person.
func (k Kind) String() string {
	switch k {
	case Integer:
		return "integer"
	case Text:
		return "text"
	case Binary:
		return "binary"
	}
	return "unknown"
}

// A Key is the value of a key, one canonical text for each of its columns: integers in decimal, text as UTF-8, binary in lower-case
// hexadecimal digits. The nil Key is the open end of a Range.
type Key []string

// Canonical returns the key's columns joined by a 0x1f byte: the text from which identifiers are derived and by which keys are told
// apart. It is nil for the nil Key alone: the empty text is a key, too.
func (k Key) Canonical() []byte {
	if k == nil {
		return nil
	}
	return k.AppendCanonical([]byte{})
}

// AppendCanonical appends what Canonical returns.
func (k Key) AppendCanonical(out []byte) []byte {
	for i, part := range k {
		if i > 0 {
			out = append(out, 0x1f)
		}
		out = append(out, part...)
	}
	return out
}

// Text is Canonical as a string, without a copy where the key has one column; empty for the nil Key.
func (k Key) Text() string {
	if len(k) == 1 {
		return k[0]
	}
	return string(k.Canonical())
}

// Args returns the key as statement parameters of its columns' own types, so that the legacy database compares them as such: an
// integer as int64 or uint64, text as string, binary as bytes.
func (k Key) Args(kinds []Kind) ([]any, error) {
	if len(k) != len(kinds) {
		return nil, fmt.Errorf("bind key: %d values for %d columns", len(k), len(kinds))
	}
	args := make([]any, len(k))
	for i, part := range k {
		arg, err := argument(part, kinds[i])
		if err != nil {
			return nil, fmt.Errorf("bind key column %d of kind %s: %w", i+1, kinds[i], err)
		}
		args[i] = arg
	}
	return args, nil
}

func argument(part string, kind Kind) (any, error) {
	switch kind {
	case Integer:
		if n, err := strconv.ParseInt(part, 10, 64); err == nil {
			return n, nil
		}
		if n, err := strconv.ParseUint(part, 10, 64); err == nil {
			return n, nil
		}
		return nil, errors.New("not an integer of 64 bits")
	case Text:
		return part, nil
	case Binary:
		raw, err := hex.DecodeString(part)
		if err != nil {
			return nil, errors.New("not hexadecimal")
		}
		return raw, nil
	}
	return nil, errors.New("unknown kind")
}

// Marshal encodes the key for the ledger; the nil Key becomes nil.
func (k Key) Marshal() []byte {
	if k == nil {
		return nil
	}
	return k.AppendMarshal([]byte{})
}

// AppendMarshal appends what Marshal returns.
func (k Key) AppendMarshal(out []byte) []byte {
	for _, part := range k {
		out = binary.AppendUvarint(out, uint64(len(part)))
		out = append(out, part...)
	}
	return out
}

// Unmarshal decodes what Marshal encoded; nil becomes the nil Key. A text that ends within a column is an error; one that ends between
// two is a key of fewer columns, which Args refuses.
func Unmarshal(raw []byte) (Key, error) {
	if raw == nil {
		return nil, nil
	}
	key := Key{}
	for len(raw) > 0 {
		n, used := binary.Uvarint(raw)
		if used <= 0 || n > uint64(len(raw)-used) {
			return nil, errors.New("read key: it is cut short")
		}
		key = append(key, string(raw[used:used+int(n)]))
		raw = raw[used+int(n):]
	}
	return key, nil
}

// A Range is the keys after After up to and including Through, in the order of the legacy database. A nil bound is open.
type Range struct{ After, Through Key }

// String tells which ends are open and nothing else: bounds never leave the ledger.
func (r Range) String() string {
	ends := func(k Key) string {
		if k == nil {
			return "open"
		}
		return "bound"
	}
	return "(" + ends(r.After) + ", " + ends(r.Through) + "]"
}

// Chain returns the ranges that the given cuts make of the whole keyspace: one more than there are cuts, the first and the last
// with an open end.
func Chain(cuts []Key) []Range {
	ranges := make([]Range, 0, len(cuts)+1)
	var after Key
	for _, cut := range cuts {
		ranges = append(ranges, Range{After: after, Through: cut})
		after = cut
	}
	return append(ranges, Range{After: after})
}

// CheckChain reports the first place where the ranges do not tile the whole: both outer ends open, and each inner end the
// next one's start.
func CheckChain(ranges []Range) error { return CheckTiles(Range{}, ranges) }

// CheckTiles reports the first place where the parts do not tile the whole range, in order, without gap or overlap.
func CheckTiles(whole Range, parts []Range) error {
	if len(parts) == 0 {
		return errors.New("no range covers the keyspace")
	}
	if !slices.Equal(parts[0].After, whole.After) || (parts[0].After == nil) != (whole.After == nil) {
		return errors.New("range 1 does not start where the whole starts")
	}
	for i := 1; i < len(parts); i++ {
		if parts[i].After == nil || !slices.Equal(parts[i-1].Through, parts[i].After) {
			return fmt.Errorf("range %d does not start where range %d ends", i+1, i)
		}
	}
	last := parts[len(parts)-1].Through
	if !slices.Equal(last, whole.Through) || (last == nil) != (whole.Through == nil) {
		return fmt.Errorf("range %d does not end where the whole ends", len(parts))
	}
	return nil
}

// A Cell is a range with what was counted in it.
type Cell struct {
	Range
	Users  int64 // keys in the range
	Weight int64 // rows in all: the users' own and those that hang off them
}

// A Span is a run of whole cells, First up to but not including Limit, that makes one shard.
type Span struct {
	First, Limit  int
	Users, Weight int64
}

// Gather joins neighbouring cells into spans of at most the given weight, which tile the cells. A cell that is heavier is the only
// one of its span that has users: cells without users are joined to a neighbour whatever it weighs.
func Gather(cells []Cell, weight int64) []Span {
	var spans []Span
	for i, cell := range cells {
		last := len(spans) - 1
		if last >= 0 && (cell.Users == 0 || spans[last].Users == 0 || spans[last].Weight+cell.Weight <= weight) {
			spans[last].Limit = i + 1
			spans[last].Users += cell.Users
			spans[last].Weight += cell.Weight
			continue
		}
		spans = append(spans, Span{First: i, Limit: i + 1, Users: cell.Users, Weight: cell.Weight})
	}
	return spans
}

// RangeOf returns the range that the cells of the span cover together.
func (s Span) RangeOf(cells []Cell) Range {
	return Range{After: cells[s.First].After, Through: cells[s.Limit-1].Through}
}
