package mapping

import "rehome/pkg/value"

// OwnerColumn returns the position of the fed column that names the user whom a row belongs to, or -1: in the target, the rows of a user
// are found by it.
func (p *RowPlan) OwnerColumn() int {
	plain := -1
	for i := range p.Columns {
		o := &p.Columns[i].Origin
		switch {
		case !p.OfUsers():
		case o.Entity != "" && o.Owner:
			return i
		case plain < 0 && len(o.Cells) == 1 && o.Cells[0] < len(p.Select) && p.Select[o.Cells[0]] == p.User:
			plain = i
		}
	}
	return plain
}

// Owner appends, with its length word, what the owner column holds of rows of the user with the canonical key; false where no row can.
func (p *RowPlan) Owner(dst []byte, column int, user []byte) ([]byte, bool) {
	c := &p.Columns[column]
	cells := make([]value.Cell, len(p.Select)+len(c.Origin.Cells)+len(c.Origin.Found))
	for _, at := range append(c.Origin.Cells, c.Origin.Found...) {
		cells[at] = user
	}
	body, built := c.build.append(nil, user, cells, &memo{})
	if built.ending != Written || built.null {
		return dst, false
	}
	return append(append(dst, byte(len(body)>>24), byte(len(body)>>16), byte(len(body)>>8), byte(len(body))), body...), true
}
