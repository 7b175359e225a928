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
	for i := range e.columns {
		var b built
		if out, b = e.columns[i].append(out[:0], unit, cells, &e.columns[i].last); b.ending != Written || b.null && e.columns[i].notNull {
			stopped := e.stopped(i, b)
			all = append(all, Trouble{Column: i, Ending: stopped.Ending, Cause: stopped.Cause})
		}
	}
	return all
}
