package preflight

import (
	"encoding/binary"
	"hash/maphash"
	"slices"
	"strings"

	"rehome/pkg/keyspace"
	"rehome/pkg/mapping"
)

// A unique is a unique constraint or index of a fed table, while the data is looked at. Entries that feed one table share it.
type unique struct {
	name  string
	table string
	kept  bool // it stays on during the load, as rows are found again by it
	spill *spill

	found account // what collides
}

// A way is how the rows of one entry come under a unique.
type way struct {
	*unique
	columns    []int // positions in the entry's columns, whose bytes as they are sent must differ; nil where the jury makes a key
	nullsEqual bool
}

// byBytes are the types of which two values are equal if and only if the bytes that are sent are: without those that have a collation
// or an equality of their own, as citext, jsonb, and floats with their two zeros.
var byBytes = []string{
	"boolean", "smallint", "integer", "bigint", "text", "character varying", "character", "bpchar", "date", "time without time zone",
	"timestamp without time zone", "timestamp with time zone", "uuid", "bytea", "bit", "bit varying",
}

// positions returns where the columns of a unique stand in the entry's columns, and whether all are fed.
func positions(p *mapping.RowPlan, columns []string) (at []int, fed bool) {
	for _, name := range columns {
		i := slices.IndexFunc(p.Columns, func(c mapping.FedColumn) bool { return c.Name == name })
		if i < 0 {
			return nil, false
		}
		at = append(at, i)
	}
	return at, len(at) > 0
}

// plain reports whether the unique's columns are compared as bytes.
func plain(p *mapping.RowPlan, u mapping.Unique, at []int) bool {
	if u.Partial {
		return false
	}
	for _, i := range at {
		t := p.Columns[i].Type
		scaled := t.Name == "numeric" && t.Typmod >= 0
		if !scaled && t.Kind != 'e' && !slices.Contains(byBytes, t.Name) {
			return false
		}
	}
	return true
}

// assured reports whether the legacy primary key makes the unique columns unique already: where they hold it as it is, or the identifiers
// that are made of it, and no other entry feeds the table.
func assured(m *mapping.Compiled, p *mapping.RowPlan, at []int) bool {
	alone := !slices.ContainsFunc(m.Plans, func(o *mapping.RowPlan) bool { return o != p && o.GatheredBy == nil && o.Into == p.Into })
	if !alone || p.Many {
		return false
	}
	holds := map[string]bool{}
	for _, i := range at {
		for _, cell := range injective(m, p, i) {
			holds[bareName(p.Select[cell], p.SourceName)] = true
		}
	}
	return !slices.ContainsFunc(p.SourceKey, func(key string) bool { return !holds[bareName(key, p.SourceName)] })
}

// injective returns the cells of which a column makes another value for any other.
func injective(m *mapping.Compiled, p *mapping.RowPlan, column int) []int {
	c := &p.Columns[column]
	o := c.Origin
	if slices.ContainsFunc(o.Cells, func(cell int) bool { return cell >= len(p.Select) }) {
		return nil
	}
	if o.Entity != "" {
		// Of an integer, the owner's spelling is the row's.
		spelled := len(o.Found) > 0 || o.Owner
		for _, kind := range o.Kinds {
			if kind == keyspace.Text || kind == keyspace.Binary && spelled {
				return nil
			}
		}
		return o.Cells
	}
	if len(o.Cells) != 1 || len(c.Rules()) > 0 {
		return nil
	}
	if kind, ok := mapping.KindOf(o.Types[0]); !ok || kind != keyspace.Integer {
		return nil
	}
	if fed := feedingOf(m, p, column); fed.sql == "" || fed.Values != nil {
		return nil
	}
	return o.Cells
}

// bareName is a column's expression without quotes and without the name of its table.
func bareName(expr, table string) string {
	name := strings.ToLower(strings.ReplaceAll(expr, "`", ""))
	return strings.TrimPrefix(name, strings.ToLower(table)+".")
}

// A hasher makes keyed hashes, which only this process can make.
type hasher struct{ high, low maphash.Seed }

func newHasher() hasher { return hasher{maphash.MakeSeed(), maphash.MakeSeed()} }

func (h hasher) key(b []byte) (out [hashSize]byte) {
	binary.BigEndian.PutUint64(out[:], maphash.Bytes(h.high, b))
	binary.BigEndian.PutUint64(out[8:], maphash.Bytes(h.low, b))
	return out
}

// unit returns the hash of a unit; that of a user is odd, that of a row without a user even.
func (h hasher) unit(unit []byte, user bool) uint64 {
	n := maphash.Bytes(h.high, unit) &^ 1
	if user {
		n |= 1
	}
	return n
}

func ofUser(unit uint64) bool { return unit&1 == 1 }

// keyOf appends to dst the fields of a tuple that the way compares; not ok where a NULL among them keeps the row out of every collision.
func (w *way) keyOf(dst, tuple []byte, fields []int) (key []byte, ok bool) {
	for _, column := range w.columns {
		field := tuple[fields[column]:fields[column+1]]
		if !w.nullsEqual && len(field) == 4 && binary.BigEndian.Uint32(field) == 0xffffffff {
			return dst, false
		}
		dst = append(dst, field...)
	}
	return dst, true
}

// fieldsOf returns where each field of a tuple begins, and the tuple's end.
func fieldsOf(dst []int, tuple []byte) []int {
	dst = dst[:0]
	for at := 2; at < len(tuple); {
		dst = append(dst, at)
		size := binary.BigEndian.Uint32(tuple[at:])
		at += 4
		if size != 0xffffffff {
			at += int(size)
		}
	}
	return append(dst, len(tuple))
}
