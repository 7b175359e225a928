// Package preflight looks at the data before the night: it runs the very mapping over the legacy rows, all of them or a sample, and
// tells what the run would refuse, let wait, change or leave out, with the line of the mapping that would handle it. It changes
// nothing, and loads nothing into the target; it knows neither MySQL nor PostgreSQL, and declares the interfaces that it needs of them.
//
// Its findings are for the person who asks: they name keys and values of rows, and must never stand in a log.
package preflight

import (
	"cmp"
	"slices"

	"rehome/pkg/mapping"
)

// A Severity tells what a finding is.
type Severity string

// The severities. Problems alone decide the exit status.
const (
	Problem     Severity = "problem"     // rows would not arrive, or end nowhere, or the mapping does not fit
	Warning     Severity = "warning"     // every row arrives, and something will still hurt
	Information Severity = "information" // a declared rule changes values or leaves rows out: what it costs
)

var severities = []Severity{Problem, Warning, Information}

// A Finding is one thing that was found, with its place in the mapping and what to write there.
type Finding struct {
	Severity Severity `json:"severity"`
	Cause    string   `json:"cause,omitempty"` // KIND:TABLE.COLUMN, as the run names it; empty for what no row causes
	File     string   `json:"file,omitempty"`
	Line     int      `json:"line,omitempty"` // from 1; 0 where no place is known
	Column   int      `json:"column,omitempty"`
	Path     string   `json:"path,omitempty"` // as in tables[2].columns.kind
	Message  string   `json:"message"`
	Fix      string   `json:"fix,omitempty"` // what to write, or to do

	Rows    int64     `json:"rows"`   // that end so: what the run's report counts for the cause
	Users   int64     `json:"users"`  // who would be quarantined by it, each under the first cause that the run meets
	Behind  int64     `json:"behind"` // further rows that have it behind another problem of their row or user
	AtLeast bool      `json:"at_least,omitempty"`
	Values  []Counted `json:"values,omitempty"`      // the most frequent of the offending values
	Table   string    `json:"table,omitempty"`       // the legacy table whose rows they are
	Samples []string  `json:"sample_keys,omitempty"` // legacy keys of some of them; of such that collide, keys with " = " between
}

// A Counted is a value and how many rows have it.
type Counted struct {
	Value string `json:"value"`
	Rows  int64  `json:"rows"`
}

// A Scope is how much was looked at.
type Scope struct {
	Full     bool  `json:"full"`
	Users    int64 `json:"users"`
	AllUsers int64 `json:"all_users"`
	Rows     int64 `json:"rows"`
}

// A Result is all that a check has found.
type Result struct {
	Migration  string    `json:"migration"`
	Mapping    string    `json:"mapping,omitempty"` // its hash; empty where it does not compile
	Compiles   bool      `json:"compiles"`
	LookedAt   Scope     `json:"looked_at"`
	Findings   []Finding `json:"findings"`    // problems first, then in the order of the file
	NotChecked []string  `json:"not_checked"` // what nobody can tell before the run, a sentence each
}

// Problems counts the findings that are problems.
func (r *Result) Problems() int { return r.count(Problem) }

func (r *Result) count(s Severity) (n int) {
	for i := range r.Findings {
		if r.Findings[i].Severity == s {
			n++
		}
	}
	return n
}

// Sort puts the findings into their order.
func (r *Result) Sort() {
	slices.SortStableFunc(r.Findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(slices.Index(severities, a.Severity), slices.Index(severities, b.Severity)),
			cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}

// Faults turns what the compiler says into findings of the severity.
func Faults(faults mapping.Faults, s Severity) []Finding {
	out := make([]Finding, 0, len(faults))
	for _, f := range faults.Sorted() {
		out = append(out, Finding{Severity: s, File: f.File, Line: f.Line, Column: f.Col, Path: f.Path, Message: f.Message, Fix: f.Fix})
	}
	return out
}
