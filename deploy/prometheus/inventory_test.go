// Package prometheus holds how Prometheus collects the programs' metrics and what it wakes people up for, and the proof that Prometheus takes both, that
// nothing is asked for which no program tells, and that each alert comes when it should and not else. It is a module of its own, because Prometheus has
// more dependencies than all of rehome, and needs no code of it.
package prometheus

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// added are the labels that Prometheus gives to all that it collects.
var added = []string{"job", "instance"}

// inventory holds the labels of each metric that the programs export, and of each that the rules record.
type inventory map[string][]string

// readInventory reads what a whole run of the programs was compared with.
func readInventory(t *testing.T) inventory {
	t.Helper()
	text, err := os.ReadFile("testdata/metrics.txt")
	if err != nil {
		t.Fatal(err)
	}
	known := inventory{}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if strings.HasPrefix(line, "#") {
			continue
		}
		if len(fields) != 4 {
			t.Fatalf("the inventory has the line %q", line)
		}
		all := append(strings.FieldsFunc(strings.Trim(fields[2], "{}"), func(r rune) bool { return r == ',' }), added...)
		known[fields[0]] = all
		if fields[1] == "histogram" {
			known[fields[0]+"_bucket"], known[fields[0]+"_sum"], known[fields[0]+"_count"] = append(all, "le"), all, all
		}
	}
	return known
}

// faults returns what an expression asks for that nobody tells: metrics, and labels of theirs.
func (known inventory) faults(t *testing.T, expression string) (faults []string) {
	t.Helper()
	parsed, err := parser.ParseExpr(expression)
	if err != nil {
		return []string{err.Error()}
	}
	var has []string // labels of all metrics of the expression
	parser.Inspect(parsed, func(node parser.Node, _ []parser.Node) error {
		selector, ok := node.(*parser.VectorSelector)
		if !ok {
			return nil
		}
		all, there := known[selector.Name]
		if !there {
			faults = append(faults, "no program exports "+selector.Name)
			return nil
		}
		has = append(has, all...)
		for _, matcher := range selector.LabelMatchers {
			if matcher.Name != labels.MetricName && !slices.Contains(all, matcher.Name) {
				faults = append(faults, selector.Name+" has no label "+matcher.Name)
			}
		}
		return nil
	})
	for _, name := range namedLabels(parsed) {
		if !slices.Contains(has, name) {
			faults = append(faults, "nothing in it has the label "+name)
		}
	}
	return faults
}

// namedLabels returns the labels by which an expression groups or matches.
func namedLabels(parsed parser.Expr) (names []string) {
	parser.Inspect(parsed, func(node parser.Node, _ []parser.Node) error {
		switch e := node.(type) {
		case *parser.AggregateExpr:
			names = append(names, e.Grouping...)
		case *parser.BinaryExpr:
			if e.VectorMatching != nil {
				names = append(names, e.VectorMatching.MatchingLabels...)
			}
		}
		return nil
	})
	return names
}

func TestFaults(t *testing.T) {
	known := inventory{"rehome_rows_total": {"table"}, "rehome_slots": {"instance"}}
	for expression, want := range map[string]string{
		`sum by (table) (rate(rehome_rows_total{table="app.users"}[5m]))`: "",
		`rehome_row_total`:                          "no program exports rehome_row_total",
		`rehome_rows_total{tables="app.users"}`:     "rehome_rows_total has no label tables",
		`sum by (tables) (rehome_rows_total)`:       "nothing in it has the label tables",
		`rehome_rows_total / on (job) rehome_slots`: "nothing in it has the label job",
		`sum(rate(rehome_rows_total[5m])`:           "parse error",
	} {
		t.Run(expression, func(t *testing.T) {
			got := strings.Join(known.faults(t, expression), "; ")
			if (want == "") != (got == "") || !strings.Contains(got, want) {
				t.Errorf("faults %q, want %q", got, want)
			}
		})
	}
}
