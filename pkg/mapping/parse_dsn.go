package mapping

import (
	"regexp"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // a mapping means the same on a machine without zone files

	"github.com/goccy/go-yaml/ast"
)

var variable = regexp.MustCompile(`\$\{[^}]*\}?`)

var variableName = regexp.MustCompile(`^\$\{([A-Za-z_][A-Za-z0-9_]*)\}$`)

// dsnShape is a connection string. A name that is not set is no fault yet: the DSN may come from somewhere else.
var dsnShape = shape[DSN]{&schema{Type: "string"}, func(at place, n ast.Node) DSN {
	const fix = "write the url, or ${NAME} for one of the environment, or leave dsn out"
	raw, ok := at.text(n, fix)
	d := DSN{raw: raw, Pos: at.pos}
	if !ok {
		return d
	}
	broken := false
	value := variable.ReplaceAllStringFunc(raw, func(reference string) string {
		m := variableName.FindStringSubmatch(reference)
		if m == nil {
			broken = true
			return ""
		}
		text, set := at.lookup(m[1])
		if !set && !slices.Contains(d.Unset, m[1]) {
			d.Unset = append(d.Unset, m[1])
		}
		return text
	})
	if broken {
		at.fault("write ${NAME} with letters, digits and _", "a ${ is not followed by a name and }")
	}
	if !broken && len(d.Unset) == 0 {
		d.value = strings.TrimSpace(value)
	}
	return d
}}

func (r *reading) lookup(name string) (string, bool) {
	if r.env == nil {
		return "", false
	}
	return r.env(name)
}

// timeZoneShape is a zone by its IANA name.
var timeZoneShape = shape[Word]{&schema{Type: "string"}, func(at place, n ast.Node) Word {
	const fix = "write an IANA name: UTC, Europe/Berlin, America/New_York"
	text, ok := at.text(n, fix)
	if !ok {
		return Word{Pos: at.pos}
	}
	if _, err := time.LoadLocation(text); err != nil || text == "" || text == "Local" {
		at.fault(fix, "time zone %s is not known", shown(text))
	}
	return Word{text, at.pos}
}}
