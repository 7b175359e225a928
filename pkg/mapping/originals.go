package mapping

import "rehome/pkg/value"

// keep notes which of the column's rules lose something, and whether what they change is kept.
func (c *FedColumn) keep(p Policies, loses value.Hit) {
	c.loses, c.keeps = loses, p.KeepOriginals != nil && *p.KeepOriginals
}

// Loses returns those of the column's rules after which the legacy value can no longer be told from the new one.
func (c *FedColumn) Loses() value.Hit { return c.loses }

// kept returns the positions of the columns whose originals are kept.
func (p *RowPlan) kept() (columns []int) {
	for i := range p.Columns {
		if c := &p.Columns[i]; c.keeps && c.loses != 0 {
			columns = append(columns, i)
		}
	}
	return columns
}

// Originals yields what the newest row, which ended as Written, has lost and the mapping keeps: for each column that keeps originals,
// and each rule that lost something in it, the value as the legacy database has it, nil for NULL. Of a reference to what is missing it
// is the key as the row spells it, in canonical form; of a column that is made of several attributes, their values as one JSON document.
// The cells are those that the row was encoded from. The original is valid until yield returns.
func (e *Encoder) Originals(cells []value.Cell, yield func(column int, rule string, original []byte)) {
	for _, i := range e.kept {
		c := &e.plan.Columns[i]
		lost := e.hits[i] & c.loses
		if lost == 0 {
			continue
		}
		original := e.original(&c.Origin, cells)
		for bit, rule := range c.rules {
			if lost&(1<<bit) != 0 {
				yield(i, rule, original)
			}
		}
	}
}

func (e *Encoder) original(o *Origin, cells []value.Cell) []byte {
	if o.Entity == "" {
		return cells[o.Cells[0]]
	}
	e.text = spell(e.text[:0], o.Kinds, o.Cells, cells)
	return e.text
}
