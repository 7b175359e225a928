package preflight

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"rehome/pkg/mapping"
)

// patterns are the regular expressions of what steps take, for the legacy server.
var patterns = map[string]string{
	"php":    "^([abdisOSE]:.*|N;)$",
	"hex":    "^([0-9A-Fa-f]{2})*$",
	"base64": "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$",
	"unix":   `^-?[0-9]+([.][0-9]+)?$`,
	"name":   "^[^,]*[^ ,][^,]*(,[^,]*[^ ,][^,]*)?$",
}

// step says what to write for a value that a step has refused, empty where none has.
func (f fixing) step() string {
	switch f.kind {
	case "json_path":
		return `write the step {json: [` + f.path() + `, to_null]}`
	case "charset":
		return "write the step {charset: [utf8, cp1252]}"
	case "dated":
		return "write a date in place of the one that is not there in by: COALESCE(EXPR, '1970-01-01')"
	case "base64":
		return "write the step {base64: [url, unpadded, lines]} with those of the three that the values need, or " + f.only("base64")
	case "php", "hex", "unix", "name":
		if f.fed.of != "" || f.passes(f.kind) {
			return "mend the data, or write " + f.without()
		}
		return "write " + f.only(f.kind)
	}
	return ""
}

// passes reports whether the step's pattern lets a value through that the step has refused.
func (f fixing) passes(step string) bool {
	pattern := regexp.MustCompile(patterns[step])
	return slices.ContainsFunc(f.top(), func(v Counted) bool { return pattern.MatchString(v.Value) })
}

// without is an expression that is NULL in the rows that were met.
func (f fixing) without() string {
	if len(f.plan.SourceKey) != 1 || len(f.samples) == 0 {
		return "an expression that is NULL in such a row"
	}
	keys := strings.Join(f.samples, ", ")
	if f.rows+f.behind > int64(len(f.samples)) {
		keys += ", …"
	}
	if g := f.entry.Gather; f.fed.of != "" && len(g.User) == 1 {
		return "under gather value: \"IF(" + g.User[0].SQL + " IN (" + keys + ") AND " + g.Name.SQL + " = '" + f.fed.of + "', NULL, " + g.Value.SQL + ")\""
	}
	return "sql: \"IF(" + f.plan.SourceKey[0] + " IN (" + keys + "), NULL, " + f.sql() + ")\""
}

// only is an expression of the values that a step takes.
func (f fixing) only(step string) string {
	sql := f.sql()
	return "sql: IF(" + sql + " REGEXP '" + patterns[step] + "', " + sql + ", NULL)"
}

// path is that of the column's first step json.
func (f fixing) path() string {
	i := slices.IndexFunc(f.fed.Steps, func(s mapping.Step) bool { return s.Name == "json" && len(s.Args) > 0 })
	if i < 0 {
		return "PATH"
	}
	return strconv.Quote(f.fed.Steps[i].Args[0])
}
