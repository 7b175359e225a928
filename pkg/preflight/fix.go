package preflight

import (
	"cmp"
	"fmt"
	"strings"

	"rehome/pkg/mapping"
)

// A fixing is a ground with all that is needed to say what would handle it.
type fixing struct {
	ground
	*account
	file   *mapping.File
	entry  *mapping.Entry
	plan   *mapping.RowPlan
	fed    *feeding
	target *mapping.TargetColumn // nil where the ground has no column
	kind   string                // of the cause
}

// A feeding is what the mapping says of one column, in columns or in gather; of none it is empty.
type feeding struct {
	mapping.Rules
	path string // below the entry's; empty where there is no such column
	pos  mapping.Pos
	sql  string // the expression; empty where there is none
	of   string // the attribute that is gathered; empty where none is
	uuid bool
}

// feedingOf returns what the mapping says of a column of the entry.
func feedingOf(m *mapping.Compiled, p *mapping.RowPlan, column int) *feeding {
	out := &feeding{}
	if p.Ordinal >= len(m.File.Tables) || column < 0 {
		return out
	}
	e, name := &m.File.Tables[p.Ordinal], p.Columns[column].Name
	for i := range e.Columns {
		if c := &e.Columns[i]; c.Name == name {
			out.path, out.pos, out.uuid = "columns."+name, c.Pos, c.UUID != nil
			if c.SQL != nil {
				out.Rules, out.sql = c.SQL.Rules, c.SQL.Expr.SQL
			}
		}
	}
	if e.Gather == nil {
		return out
	}
	for i := range e.Gather.Columns {
		if c := &e.Gather.Columns[i]; c.Name == name {
			out.path, out.pos, out.Rules = "gather.columns."+name, c.Pos, c.Rules
			out.of = c.Of.Text
		}
	}
	return out
}

func (s *scan) contextOf(g ground, a *account) fixing {
	plan := s.Mapping.Plans[g.entry]
	f := fixing{ground: g, account: a, file: s.Mapping.File, plan: plan, fed: feedingOf(s.Mapping, plan, g.column)}
	f.entry = &f.file.Tables[entryOf(plan)]
	f.kind, _, _ = strings.Cut(g.cause, ":")
	if g.column >= 0 {
		f.target = plan.Target.Column(plan.Columns[g.column].Name)
	}
	return f
}

// entryOf returns the position of the plan's entry in the mapping's tables.
func entryOf(p *mapping.RowPlan) int {
	if p.GatheredBy != nil {
		return p.GatheredBy.Ordinal
	}
	return p.Ordinal
}

// nullable reports whether NULL is a way out.
func (f fixing) nullable() bool { return f.target != nil && !f.target.NotNull }

// sql returns the column's expression, as it could stand in another one.
func (f fixing) sql() string { return cmp.Or(f.fed.sql, "…") }

// messages say what each kind of cause is.
var messages = map[string]string{
	"values":         "a value that values does not list",
	"zero_date":      "the zero date",
	"partial_date":   "a date without a day or a month",
	"nul_byte":       "a NUL byte, which no text of PostgreSQL holds",
	"bad_text":       "bytes that are not UTF-8",
	"too_long":       "a text longer than the target's column",
	"out_of_range":   "a value outside the range of the target's column",
	"json_nul":       `a \u0000, which jsonb does not hold`,
	"not_null":       "NULL, and the target's column takes none",
	"date":           "a text that no format of the step date fits, or a day that is in no calendar",
	"scale":          "more digits after the point, or a time of day, than the target's column keeps",
	"json_duplicate": "a JSON object with one name twice, of which jsonb keeps one",
	"dst_overlap":    "a local time that the clocks of legacy.time_zone have shown twice",
	"inet":           "a text that is no network address",
	"macaddr":        "a text that is no MAC address",
	"point":          "a geometry that is no point",
	"json_path":      "a document in which the path of the step json leads nowhere",
	"php":            "a text that is no serialized PHP value",
	"hex":            "a text that is not hexadecimal",
	"base64":         "a text that is not base64",
	"unix":           "a number that is no Unix time",
	"charset":        "bytes that are no text in the charset of the step",
	"name":           "a text that the step name cannot take for a name",
	"dated":          "a value of no time, as the date that its step dated goes by is not there",
	"dst_gap":        "a local time that the clocks of legacy.time_zone have skipped",
	"uuid":           "a text that is no UUID",
	"json":           "a text that is no JSON",
	"syntax":         "a value that its legacy type does not write",
	"warning":        "a value for which the legacy server raises a warning, so that it may not be what is stored",
	"row_too_wide":   "more bytes than max_row_bytes",
	"check":          "values that a CHECK constraint refuses",
	"foreign_key":    "a reference to a row that the target does not have",
	"trigger":        "values that a trigger refuses",
	"read":           "a value with which the legacy server cannot evaluate the entry's expressions",
}

// message says what was found, for a person.
func (f fixing) message() string {
	rows := fmt.Sprintf("%s %s", number(f.rows), plural(f.rows, "row", "rows"))
	if f.atLeast {
		rows = "at least " + rows
	}
	if f.users > 0 {
		rows += fmt.Sprintf(" (%s %s)", number(f.users), plural(f.users, "user", "users"))
	}
	if f.behind > 0 {
		rows += fmt.Sprintf(", and %s more behind another problem,", number(f.behind))
	}
	has := " " + plural(f.rows, "has ", "have ")
	what, known := messages[f.kind]
	switch {
	case f.ground.kind == changes && f.kind == "missing":
		return rows + " " + plural(f.rows, "refers", "refer") + " to a row that is not there: missing makes the reference NULL"
	case f.ground.kind == changes:
		return rows + has + what + ": changed by " + f.kind + f.word()
	case f.ground.kind == leaves && f.kind == "missing":
		return rows + " " + plural(f.rows, "refers", "refer") + " to a row that is not there, and " + plural(f.rows, "is", "are") + " left out by missing: leave"
	case strings.HasPrefix(f.kind, "gather") && f.plan.GatheredBy != nil:
		rows += " " + plural(f.rows, "is", "are") + " of a user who has no row that could take " + plural(f.rows, "it", "them") + " in"
		if f.ground.kind == leaves {
			rows += ": left out by unowned: leave"
		}
		return rows
	case f.ground.kind == leaves:
		return rows + " of a user who is NULL or unknown " + plural(f.rows, "is", "are") + " left out by unowned: leave"
	case f.ground.kind == waits:
		return rows + " would wait for a row that is not there"
	case f.kind == "unowned":
		rows += " " + plural(f.rows, "belongs", "belong") + " to a user who is NULL or unknown"
		if f.plan.Joined {
			rows += ", or " + plural(f.rows, "is", "are") + " dropped by the join"
		}
		return rows
	case f.kind == "unique":
		return rows + " would collide under " + strings.TrimPrefix(f.cause, "unique:"+f.plan.Into+".")
	case strings.HasPrefix(f.kind, "gather"):
		if f.column >= 0 {
			return rows + has + "an attribute twice, and many does not say which of them counts"
		}
		return rows + has + "an attribute that gather does not name"
	case known:
		return rows + has + what
	}
	return rows + has + "a value that is refused: " + f.kind
}

// word is what the declared policy does.
func (f fixing) word() string {
	p := f.fed.Policies.Or(f.entry.Policies).Or(f.file.Policies)
	all := map[string]mapping.Policy{
		"zero_date": p.ZeroDate, "partial_date": p.PartialDate, "nul_byte": p.NulByte, "bad_text": p.BadText,
		"out_of_range": p.OutOfRange, "too_long": p.TooLong, "json_nul": p.JSONNul, "json_duplicate": p.JSONDuplicate,
		"dst_gap": p.DSTGap, "dst_overlap": p.DSTOverlap,
	}
	switch p := all[f.kind]; p.Do {
	case "":
		return ""
	case mapping.PolicyTo:
		return ": " + scalar(p.To)
	default:
		return ": " + string(p.Do)
	}
}
