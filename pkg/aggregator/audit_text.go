package aggregator

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"rehome/pkg/report"
)

// Write writes the report in the given form: text, or json.
func (r *AuditReport) Write(w io.Writer, format string) error {
	if format == "json" {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		if err := enc.Encode(r); err != nil {
			return fmt.Errorf("write the audit's report: %w", err)
		}
		return nil
	}
	var b strings.Builder
	verdict := map[string]string{
		"same": "BOTH SIDES ARE THE SAME", "differs": "THE TARGET DIFFERS", "legacy_changed": "THE LEGACY DATABASE HAS CHANGED", "incomplete": "INCOMPLETE",
	}[r.Verdict]
	fmt.Fprintf(&b, "%s: %s\n", r.Migration, verdict)
	for _, reason := range r.Reasons {
		fmt.Fprintf(&b, "  - %s\n", reason)
	}
	r.tables(&b)
	r.rules(&b)
	r.findings(&b)
	r.repaired(&b)
	fmt.Fprintf(&b, "\nshards audited %d, time %s\n", r.Shards.Done, report.Duration(r.Seconds))
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write the audit's report: %w", err)
	}
	return nil
}

func (r *AuditReport) tables(b *strings.Builder) {
	b.WriteString("\n")
	rows := [][]string{{"TABLE", "FROM", "ROWS", "IDENTICAL", "BY RULE", "CHANGED", "DELETED", "ADDED", "WRONG", "LEGACY CHANGED", "GONE", "NEW"}}
	for _, t := range r.Tables {
		if t.gathered && t.Rows+t.LegacyNew == 0 {
			continue
		}
		row := []string{t.Into, firstWord(t.From)}
		for _, n := range []int64{t.Rows, t.Identical, t.ByRule, t.Changed, t.Deleted, t.Added, t.Wrong, t.LegacyChanged, t.LegacyGone, t.LegacyNew} {
			row = append(row, report.Number(n))
		}
		rows = append(rows, row)
	}
	report.Columns(b, rows)
}

// firstWord is the row source of what follows FROM.
func firstWord(from string) string {
	first, _, _ := strings.Cut(from, " ")
	return first
}

func (r *AuditReport) rules(b *strings.Builder) {
	if len(r.Rules) > 0 {
		rows := [][]string{{"CHANGED BY RULE", "COLUMN", "ROWS"}}
		for _, rule := range r.Rules {
			rows = append(rows, []string{rule.Rule, rule.Table + "." + rule.Column, report.Number(rule.Rows)})
		}
		b.WriteString("\n")
		report.Columns(b, rows)
	}
	if len(r.Unchecked) > 0 {
		rows := [][]string{{"BY THE MIGRATION'S OWN CONVERSION ALONE", "VALUES"}}
		for _, rule := range r.Unchecked {
			rows = append(rows, []string{rule.Table + "." + rule.Column, report.Number(rule.Rows)})
		}
		b.WriteString("\n")
		report.Columns(b, rows)
	}
}

// shown is how many findings the text lists; the JSON has more of them.
const shown = 50

func (r *AuditReport) findings(b *strings.Builder) {
	if len(r.Findings) == 0 {
		return
	}
	rows := [][]string{{"FOUND", "TABLE", "USER", "ROW", "LEGACY ROW", "COLUMNS"}}
	for _, f := range r.Findings[:min(shown, len(r.Findings))] {
		rows = append(rows, []string{string(f.Class), or(f.Table, "(users)"), or(f.User, "-"), or(f.Row, "-"), or(f.Legacy, "-"), strings.Join(f.Columns, " ")})
	}
	b.WriteString("\n")
	report.Columns(b, rows)
	if more := int64(len(r.Findings)-len(rows)+1) + r.More; more > 0 {
		fmt.Fprintf(b, "and %s more\n", report.Number(more))
	}
}

func or(text, empty string) string {
	if text == "" {
		return empty
	}
	return text
}
