package mapping

const (
	datedDoc = "other steps before a date than from it on. The date is another expression of the row, a DATE, DATETIME or TIMESTAMP; " +
		"a row where it is NULL, zero or partial is refused, unless its value is NULL"
	datedExample = `{dated: {by: COLUMN, before: "2019-03-01", then: [STEP], else: [STEP]}}`
)

// datedShape is a dated step, in whose parts there are steps.
func datedShape(step shape[Step]) shape[Dated] {
	steps := listOf(step)
	return object(func(at Pos) Dated { return Dated{Pos: at} }, checkDated,
		must("by", "the date that decides: a DATE, DATETIME or TIMESTAMP expression of the row; TIMESTAMP is compared in UTC",
			expression("write the expression of a date"), func(d *Dated) *Expr { return &d.By }),
		must("before", "the first day, YYYY-MM-DD, or moment, YYYY-MM-DD HH:MM:SS, of the later time",
			pattern(`^\d{4}-\d{2}-\d{2}( \d{2}:\d{2}:\d{2})?$`, "write YYYY-MM-DD, or YYYY-MM-DD HH:MM:SS"), func(d *Dated) *Word { return &d.Before }),
		may("then", "the steps of a row whose date is before that; without them nothing is done", steps, func(d *Dated) *[]Step { return &d.Then }),
		may("else", "the steps of a row whose date is that or later; without them nothing is done", steps, func(d *Dated) *[]Step { return &d.Else }))
}

func checkDated(at place, given keys, _ *Dated) {
	_, then := given["then"]
	if _, other := given["else"]; !then && !other {
		at.fault("write it as "+datedExample, "then or else is missing")
	}
}
