package report

// A Standing is how many rows a fed table of the target holds.
type Standing struct {
	Table string `json:"table"` // schema.table
	Rows  int64  `json:"rows"`
}

// judgeStanding compares what the target holds with what the receipts say is written, over all entries that feed a table. Where the load
// has ended before, the target is in use: what was written then was compared then, what was written since was read back, and rows that
// came or went beside are the target's own, which are listed.
func (r *Report) judgeStanding(c *Closing, wrong func(string, ...any)) {
	written := map[string]int64{}
	for _, t := range r.Tables {
		written[t.Into] += t.Written + t.Extra
	}
	for _, s := range c.Standing {
		n := written[s.Table]
		switch {
		case n == s.Rows:
		case c.Again:
			r.Own = append(r.Own, Own{Table: s.Table, Rows: s.Rows, Written: n})
		default:
			wrong("%s holds %s, and %s written: somebody else has changed it", s.Table, plural(s.Rows, "row", "rows"), plural(n, "row was", "rows were"))
		}
	}
}
