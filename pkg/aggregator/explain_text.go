package aggregator

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"rehome/pkg/report"
)

// Write writes the explanation in the given form: text, or json.
func (e *Explanation) Write(w io.Writer, format string) error {
	if format == "json" {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		if err := enc.Encode(e); err != nil {
			return fmt.Errorf("write the explanation: %w", err)
		}
		return nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "user %s of %s: %s", e.User, e.Migration, strings.ToUpper(strings.ReplaceAll(e.State, "_", " ")))
	if e.Cause != "" {
		fmt.Fprintf(&b, " (%s)", e.Cause)
	}
	b.WriteString("\n")
	switch e.Legacy {
	case "present":
		b.WriteString("  the legacy database has the user\n")
	case "absent":
		b.WriteString("  the legacy database has no such user\n")
	default:
		b.WriteString("  the legacy database was not asked: give LEGACY_DSN for that, and for the rules that fire\n")
	}
	for _, section := range []func(*strings.Builder){e.shards, e.tables, e.rules, e.rows, e.conflicts, e.originals} {
		section(&b)
	}
	b.WriteString("\nwhat to do\n")
	for _, sentence := range e.Next {
		fmt.Fprintf(&b, "  %s\n", sentence)
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write the explanation: %w", err)
	}
	return nil
}

func table(b *strings.Builder, head []string, rows [][]string) {
	if len(rows) == 0 {
		return
	}
	b.WriteString("\n")
	report.Columns(b, append([][]string{head}, rows...))
}

func (e *Explanation) shards(b *strings.Builder) {
	var rows [][]string
	for _, s := range e.Shards {
		done, mapping := "-", strings.TrimPrefix(s.Mapping, "sha256:")
		if s.Done != nil {
			done = s.Done.UTC().Format(time.RFC3339)
		}
		if len(mapping) > 12 {
			mapping = mapping[:12]
		}
		rows = append(rows, []string{s.Shard, string(s.Kind), s.Wave, s.State, done, fmt.Sprint(s.Attempts), fmt.Sprint(s.Failures), mapping, or(s.Trace, "-")})
	}
	table(b, []string{"SHARD", "KIND", "WAVE", "STATE", "DONE", "ATTEMPTS", "FAILURES", "MAPPING", "TRACE"}, rows)
	for _, s := range e.Shards {
		if s.Error != "" {
			fmt.Fprintf(b, "%s failed: %s\n", s.Shard, s.Error)
		}
		if s.Reason != "" {
			fmt.Fprintf(b, "%s was discarded: %s\n", s.Shard, s.Reason)
		}
	}
}

func (e *Explanation) tables(b *strings.Builder) {
	var rows [][]string
	for _, t := range e.Tables {
		row := []string{t.Table, t.From}
		for _, n := range []int64{t.Standing, t.SetAside, t.Waiting, t.LeftOut, t.Gathered} {
			row = append(row, report.Number(n))
		}
		rows = append(rows, row)
	}
	table(b, []string{"TABLE", "FROM", "STANDING", "SET ASIDE", "WAITING", "LEFT OUT", "GATHERED"}, rows)
}

func (e *Explanation) rules(b *strings.Builder) {
	var rows [][]string
	for _, r := range e.Rules {
		rows = append(rows, []string{r.Rule, r.Table + "." + r.Column, r.Row, r.Value})
	}
	table(b, []string{"RULE THAT FIRES", "COLUMN", "ROW", "LEGACY VALUE"}, rows)
}

func (e *Explanation) rows(b *strings.Builder) {
	list := func(head string, from []ExplainedRow) {
		var rows [][]string
		for _, r := range from {
			about := strings.Join(r.Others, " ")
			switch {
			case r.Needs != "":
				about = "needs " + r.Needs
			case about != "":
				about = "collides with " + about
			case r.Value != nil:
				about = *r.Value
			}
			rows = append(rows, []string{r.Table, r.Row, r.Cause, about})
		}
		table(b, []string{head, "ROW", "CAUSE", "WHY"}, rows)
	}
	list("SET ASIDE", e.SetAside)
	list("WAITING", e.Waiting)
	list("REFUSED IF READ NOW", e.Now)
}

func (e *Explanation) conflicts(b *strings.Builder) {
	var rows [][]string
	for _, c := range e.Conflicts {
		became := "stays as the target has it"
		if c.Settled {
			became = "is as the legacy database has it"
		}
		rows = append(rows, []string{string(c.Kind), c.Table, c.Row, became})
	}
	table(b, []string{"CONFLICT", "TABLE", "ROW", "IT"}, rows)
}

func (e *Explanation) originals(b *strings.Builder) {
	var rows [][]string
	for _, o := range e.Originals {
		rows = append(rows, []string{o.Table + "." + or(o.Column, "(whole rows)"), o.Rule, report.Number(o.Rows)})
	}
	table(b, []string{"ORIGINALS KEPT OF", "RULE", "ROWS"}, rows)
}
