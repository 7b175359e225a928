package mapping

import "rehome/pkg/value"

// A Trouble is one column of a row for which the row does not end as Written.
type Trouble struct {
	Column int // position in Columns
	Ending Ending
	Cause  string // of Refused and Waits, as in Encoded
}

// Troubles returns every column for which Encode would end the row otherwise than as Written, and not only the first, which is the one
// that Encode tells. It takes what Encode takes.
func (e *Encoder) Troubles(unit []byte, cells []value.Cell) []Trouble {
	var all []Trouble
	var out []byte
	for i := range e.plan.Columns {
		out = out[:0]
		built := e.plan.Columns[i].build(&out, unit, cells)
		if built.null && built.ending == Written && e.plan.Columns[i].notNull {
			built.ending, built.fault = Refused, "not_null"
		}
		if built.ending != Written {
			all = append(all, Trouble{Column: i, Ending: built.ending, Cause: e.stopped(i, built).Cause})
		}
	}
	return all
}
