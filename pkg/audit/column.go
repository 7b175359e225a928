package audit

import (
	"encoding/hex"

	"rehome/pkg/keyspace"
	"rehome/pkg/mapping"
	"rehome/pkg/value"
)

// A column compares the values of one fed column.
type column struct {
	name    string
	rules   []string
	compare func(unit []byte, cells []value.Cell, text []byte) verdict
}

// columns returns the comparisons of an entry's fed columns, in their order.
func (a *Auditor) columns(plan *mapping.RowPlan) []column {
	out := make([]column, len(plan.Columns))
	for i := range plan.Columns {
		fed := &plan.Columns[i]
		c := column{name: fed.Name, rules: fed.Rules()}
		switch o := &fed.Origin; {
		case o.Entity != "":
			c.compare = a.reference(o)
		case len(o.Cells) == 1:
			c.compare = plain(o.Cells[0], comparisonOf(o.Types[0], fed.Type, a.Zone))
		case len(o.Cells) == 0:
			c.compare = constant(o.Const)
		default:
			c.compare = func([]byte, []value.Cell, []byte) verdict { return unknown }
		}
		out[i] = c
	}
	return out
}

func plain(at int, compare comparison) func([]byte, []value.Cell, []byte) verdict {
	return func(_ []byte, cells []value.Cell, text []byte) verdict {
		cell := cells[at]
		if cell == nil || text == nil {
			return say(cell == nil && text == nil)
		}
		return compare(cell, text)
	}
}

// constant compares with a word of the mapping: what PostgreSQL prints of it may be spelled otherwise.
func constant(word string) func([]byte, []value.Cell, []byte) verdict {
	return func(_ []byte, _ []value.Cell, text []byte) verdict {
		if text == nil || string(text) != word {
			return unknown
		}
		return same
	}
}

// reference compares an identifier with that of the key in the row, spelled as its owner spells it. A reference to what is not there
// is the mapping's to judge.
func (a *Auditor) reference(o *mapping.Origin) func([]byte, []value.Cell, []byte) verdict {
	namespace := a.Mapping.File.Namespace.Text
	return func(unit []byte, cells []value.Cell, text []byte) verdict {
		for _, at := range o.Cells {
			if cells[at] == nil {
				return say(text == nil)
			}
		}
		at := o.Cells
		if len(o.Found) > 0 {
			at = o.Found
		}
		parts := make([]string, len(at))
		for i, cell := range at {
			if cells[cell] == nil {
				return different
			}
			parts[i] = string(cells[cell])
			if o.Kinds[i] == keyspace.Binary {
				parts[i] = hex.EncodeToString(cells[cell])
			}
		}
		if o.Owner {
			if unit == nil {
				return different
			}
			parts = []string{string(unit)}
		}
		return say(text != nil && string(text) == identity(namespace, o.Entity, parts, o.Ordered))
	}
}
