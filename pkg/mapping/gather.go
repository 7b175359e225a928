package mapping

import (
	"unicode/utf8"

	"rehome/pkg/value"
)

// A GatherPlan says how the rows of an attribute table become cells of their user's row. It is immutable.
type GatherPlan struct {
	Plan  *RowPlan // the attribute table as a row source, without Select and Columns; its GatheredBy is the plan that has this GatherPlan
	Name  string   // SQL expression of an attribute's name, in Plan.From
	Value string   // and of its value

	many    GatherMany
	slots   map[string]int // the attributes that feed columns, each with a position of its own
	columns []int          // of each gathered column, the position of its attribute
	causes  []string       // of a second row of an attribute, by that position
	leave   map[string]bool
	keep    *keepPlan // nil where nothing is kept
}

// A keepPlan collects attributes in one document.
type keepPlan struct {
	like  []likePattern
	cause string // of a second row of an attribute
}

// matches reports whether an attribute of that name is kept. A name that no document can hold is not.
func (k *keepPlan) matches(name []byte) bool {
	if k == nil || !storable(name) {
		return false
	}
	for _, p := range k.like {
		if p.matches(string(name)) {
			return true
		}
	}
	return false
}

// storable reports whether the target can hold the text.
func storable(text []byte) bool {
	for _, b := range text {
		if b == 0 {
			return false
		}
	}
	return utf8.Valid(text)
}

// Cells returns how many cells the attributes of a user make: one for each gathered column, in the order of the mapping, then one for
// the column that keeps the rest, if there is one.
func (g *GatherPlan) Cells() int {
	if g.keep != nil {
		return len(g.columns) + 1
	}
	return len(g.columns)
}

// Attributes are the attribute rows of one user as they are gathered. They are for one goroutine.
type Attributes struct {
	Rows     int64 // all that were added
	Gathered int64 // those whose values are in the cells
	LeftOut  int64 // those that the mapping leaves where they are
	Bytes    int64 // of the names and values that are held, at most the width of the cells

	plan  *GatherPlan
	slots []attribute // by position, those that feed columns
	kept  []attribute // in the order in which they were met
	index map[string]int
}

// An attribute is what was met of one name. Where rows of one name make a list, cell is that list as JSON without its end.
type attribute struct {
	name string
	rows int
	cell value.Cell
}

// Collect returns the attributes of a user of whom no row was added yet.
func (g *GatherPlan) Collect() *Attributes {
	return &Attributes{plan: g, slots: make([]attribute, len(g.slots))}
}

// Add adds one row; rows of one name are added in the order of their keys. The cause is empty unless the row cannot be gathered; then
// nothing of this user can be. It keeps neither name nor value.
func (a *Attributes) Add(name, cell value.Cell) (cause string) {
	a.Rows++
	g := a.plan
	switch slot, feeds := g.slots[string(name)]; {
	case name == nil:
		return "gather:" + g.Plan.Into
	case g.leave[string(name)]:
		a.LeftOut++
	case feeds:
		return a.put(&a.slots[slot], cell, g.causes[slot])
	case g.keep.matches(name):
		return a.put(a.keep(name), cell, g.keep.cause)
	default:
		return "gather:" + g.Plan.Into
	}
	return ""
}

// keep returns the kept attribute of that name.
func (a *Attributes) keep(name []byte) *attribute {
	at, known := a.index[string(name)]
	if !known {
		if a.index == nil {
			a.index = map[string]int{}
		}
		at = len(a.kept)
		a.index[string(name)] = at
		a.kept = append(a.kept, attribute{name: string(name)})
		a.Bytes += int64(len(name))
	}
	return &a.kept[at]
}

// put takes one row of an attribute in; cause is that of a second one.
func (a *Attributes) put(to *attribute, cell value.Cell, cause string) string {
	to.rows++
	switch many := a.plan.many; {
	case many == ManyArray:
		before := len(to.cell)
		to.cell = appendElement(to.cell, cell)
		a.Bytes += int64(len(to.cell) - before)
		a.Gathered++
		return ""
	case to.rows == 1:
		a.Gathered++
	case many == ManyFirst:
		a.LeftOut++
		return ""
	case many == ManyLast:
		a.LeftOut++ // the one before
	default:
		return cause
	}
	a.Bytes += int64(len(cell) - len(to.cell))
	to.cell = nil
	if cell != nil {
		to.cell = append(value.Cell{}, cell...)
	}
	return ""
}

// AppendCells appends the cells that the rows make to dst, as many as the plan's Cells says. They stay valid; no row may be added any more.
func (a *Attributes) AppendCells(dst []value.Cell) []value.Cell {
	list := a.plan.many == ManyArray
	if list {
		for i := range a.slots {
			a.slots[i].end()
		}
		for i := range a.kept {
			a.kept[i].end()
		}
	}
	for _, slot := range a.plan.columns {
		dst = append(dst, a.slots[slot].cell)
	}
	if a.plan.keep != nil {
		dst = append(dst, appendObject(nil, a.kept, list))
	}
	return dst
}

// end ends a list.
func (a *attribute) end() {
	if n := len(a.cell); n > 0 && a.cell[n-1] != ']' {
		a.cell = append(a.cell, ']')
	}
}
