package report

// A Standing is how many rows a fed table of the target holds.
type Standing struct {
	Table string `json:"table"` // schema.table
	Rows  int64  `json:"rows"`
}

// judgeStanding compares what the target holds with what the receipts say is written, over all entries that feed a table.
func (r *Report) judgeStanding(standing []Standing, wrong func(string, ...any)) {
	written := map[string]int64{}
	for _, t := range r.Tables {
		written[t.Into] += t.Written + t.Extra
	}
	for _, s := range standing {
		if n := written[s.Table]; n != s.Rows {
			wrong("%s holds %s, and %s written: somebody else has changed it", s.Table, plural(s.Rows, "row", "rows"), plural(n, "row was", "rows were"))
		}
	}
}
