package preflight

import (
	"slices"
	"strconv"
	"strings"

	"rehome/pkg/mapping"
	"rehome/pkg/value"
)

// fix says what to write for a ground, as a line of the mapping where there is one.
func (f fixing) fix() string {
	if fix := f.policy(); fix != "" {
		return "write " + fix
	}
	if fix := f.step(); fix != "" {
		return fix
	}
	switch f.kind {
	case "values":
		return f.listed()
	case "out_of_range", "not_null", "scale", "date", "uuid", "json", "syntax":
		return f.conversion()
	case "waits":
		return f.missing()
	case "unowned":
		if f.plan.GatheredBy != nil || f.plan.Gather != nil {
			return "write unowned: leave at the entry of " + f.plan.Into
		}
		if f.plan.OfUsers() && f.plan.Unowned == mapping.UnownedReject {
			return "write unowned: leave, or unowned: migrate where the rows make sense without their user"
		}
		return "make the join a LEFT JOIN, or add what it does not find"
	case "unique":
		return f.distinct()
	case "check", "trigger", "foreign_key":
		return "make the entry's expressions meet it, leave the rows out with where: CONDITION and rest: leave, or mend the data"
	case "row_too_wide":
		return "raise max_row_bytes, which each slot of a worker needs in memory, or shorten the value in sql"
	case "warning", "read":
		return "make the expressions say what becomes of such a value, as in IF(COLUMN REGEXP '^[0-9]+$', CAST(COLUMN AS SIGNED), NULL)"
	}
	if strings.HasPrefix(f.kind, "gather") && f.plan.GatheredBy != nil {
		return "write unowned: leave, or feed " + f.plan.Into + " from a table that has a row of each user"
	}
	if strings.HasPrefix(f.kind, "gather") {
		return f.gathered()
	}
	return "say what becomes of it: by a step, a policy, values, or in sql"
}

// policy is the policy that handles the kind, empty where there is none.
func (f fixing) policy() string {
	null := func(policy, otherwise string) string {
		if f.nullable() {
			return policy + ": to_null"
		}
		return policy + ": " + otherwise
	}
	switch f.kind {
	case "zero_date":
		return null("zero_date", `"1970-01-01 00:00:00", or another date that nobody takes for a real one`)
	case "partial_date":
		return "partial_date: first"
	case "nul_byte":
		return "nul_byte: strip"
	case "bad_text":
		return "bad_text: cp1252"
	case "too_long":
		return "too_long: truncate"
	case "json_nul":
		return "json_nul: strip"
	case "json_duplicate":
		return "json_duplicate: last"
	case "dst_gap":
		return "dst_gap: forward"
	case "dst_overlap":
		return "dst_overlap: first"
	case "out_of_range":
		if f.target != nil && f.target.Type.Name != "boolean" {
			return null("out_of_range", "clamp")
		}
	}
	return ""
}

// listed is a line of values with the old values that were met, for a person to fill in the new ones.
func (f fixing) listed() string {
	var pairs []string
	for _, v := range f.top() {
		pairs = append(pairs, scalar(v.Value)+": NEW")
	}
	more := ""
	if len(f.values) > len(pairs) || f.unlisted > 0 {
		more = ", …"
	}
	verb := "write values: {"
	if len(f.fed.Values) > 0 {
		verb = "add to values: {"
	}
	return verb + strings.Join(pairs, ", ") + more + "}, or otherwise: {to: NEW}"
}

func (f fixing) conversion() string {
	switch f.kind {
	case "out_of_range":
		return "write values: {0: false, 1: true, " + strings.TrimPrefix(f.listed(), "write values: {")
	case "not_null":
		if f.fed.uuid {
			return "leave the rows out with where: … IS NOT NULL and rest: leave"
		}
		return "write if_null: VALUE"
	case "scale":
		if f.target != nil && f.target.Type.Name == "date" {
			return "write sql: DATE(" + f.sql() + ")"
		}
		return "write sql: ROUND(" + f.sql() + ", DIGITS), or give the target's column more digits"
	case "date":
		return f.format()
	case "uuid":
		return "write sql: IF(" + f.sql() + " REGEXP '^[0-9A-Fa-f-]{36}$', " + f.sql() + ", NULL)"
	case "json":
		if _, empty := f.values[""]; empty && len(f.values) == 1 {
			return "write steps: [empty_to_null]"
		}
		return "write sql: IF(JSON_VALID(" + f.sql() + "), " + f.sql() + ", NULL)"
	}
	return "write a sql expression that makes a value of the target's type of it"
}

// dateFormats are what dates mostly look like, the most frequent first.
var dateFormats = []string{
	"%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%Y/%m/%d", "%Y%m%d", "%d.%m.%y", "%d/%m/%y", "%m/%d/%y", "%e %M %Y", "%M %e, %Y",
	"%e %b %Y", "%Y-%m-%d %H:%i:%s", "%Y-%m-%dT%H:%i:%s", "%d.%m.%Y %H:%i:%s", "%d.%m.%Y %H:%i", "%d/%m/%Y %H:%i:%s", "%Y-%m-%d %H:%i",
}

// format suggests the date step with formats that fit the values met; what a format does not tell, a person has to.
func (f fixing) format() string {
	var formats []string
	for _, step := range f.fed.Steps {
		if step.Name == "date" {
			formats = append(formats, step.Args...)
		}
	}
	for _, v := range f.top() {
		if i := slices.IndexFunc(dateFormats, func(format string) bool { return fits(format, v.Value) }); i >= 0 && !slices.Contains(formats, dateFormats[i]) {
			formats = append(formats, dateFormats[i])
		}
	}
	for i := range formats {
		formats[i] = strconv.Quote(formats[i])
	}
	return "write steps: [{date: [" + strings.Join(formats, ", ") + "]}], or what becomes of these in sql"
}

func fits(format, text string) bool {
	program, err := value.Compile(value.LegacyType{Name: "VARCHAR"}, value.TargetType{Name: "timestamp without time zone", Kind: 'b', Typmod: -1},
		value.Rules{Steps: []value.Step{{Name: "date", Args: []string{format}}}})
	if err != nil {
		return false
	}
	_, _, _, fault := program.Append(nil, []byte(text))
	return fault == ""
}

// gathered is what to write under gather.
func (f fixing) gathered() string {
	if f.column >= 0 {
		return "write many: first, or last, or array under gather"
	}
	var names []string
	for _, v := range f.top() {
		names = append(names, scalar(v.Value)+": WHY")
	}
	return "write under gather leave: {" + strings.Join(names, ", ") + "}, or name them in columns or keep"
}

func (f fixing) missing() string {
	if f.nullable() {
		return "write missing: to_null, or missing: leave to leave the rows out"
	}
	return "write missing: leave"
}

// distinct suggests what to write where rows collide: the row of the lowest key keeps the value.
func (f fixing) distinct() string {
	const otherwise = "make the values differ in sql, or mend the data"
	if f.fed.sql == "" || len(f.plan.SourceKey) != 1 {
		return otherwise
	}
	table, expr, key := f.plan.SourceName, f.fed.sql, bareName(f.plan.SourceKey[0], f.plan.SourceName)
	column, qualified := strings.CutPrefix(expr, table+".")
	if strings.ContainsAny(column, " (.,'`") || f.plan.Joined && !qualified {
		return otherwise
	}
	seen, own := "o."+column, table+"."+column
	if slices.ContainsFunc(f.fed.Steps, func(s mapping.Step) bool { return s.Name == "trim" }) {
		seen, own = "TRIM("+seen+")", "TRIM("+own+")"
	}
	other := "NULL"
	if !f.nullable() {
		other = "CONCAT(" + expr + ", '-', " + table + "." + key + ")"
	}
	return `write sql: "IF(EXISTS(SELECT 1 FROM ` + f.plan.Source + " AS o WHERE " + seen + " = " + own + " AND o." + key + " < " + table + "." + key + "), " + other + ", " + expr + `)" to let the lowest key have it (and see that ` + column + ` has an index), or mend the data`
}
