package report

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// JSON writes the report as one indented JSON object.
func (r *Report) JSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(r.filled())
}

// filled returns the report with empty lists where it has none: a script can rely on each key being a list.
func (r *Report) filled() *Report {
	out := *r
	if out.Rules == nil {
		out.Rules = []Rule{}
	}
	if out.Causes == nil {
		out.Causes = []Cause{}
	}
	if out.Constraints == nil {
		out.Constraints = []Constraint{}
	}
	return &out
}

// Text writes the report for a person.
func (r *Report) Text(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", r.Migration, strings.ToUpper(r.Verdict))
	for _, reason := range r.Reasons {
		fmt.Fprintf(&b, "  - %s\n", reason)
	}
	u := r.Users
	fmt.Fprintf(&b, "\nusers    %s planned + %s appeared = %s migrated + %s quarantined + %s left out + %s vanished + %s pending\n",
		Number(u.Planned), Number(u.Appeared), Number(u.Migrated), Number(u.Quarantined), Number(u.LeftOut), Number(u.Vanished), Number(u.Pending))
	fmt.Fprintf(&b, "shards   %s done, %s dead, %s pending of %s\n", Number(r.Shards.Done), Number(r.Shards.Dead), Number(r.Shards.Pending), Number(r.Shards.Planned))
	fmt.Fprintf(&b, "source   %s\n\n", r.Consistency)
	r.tables(&b)
	r.details(&b)
	fmt.Fprintf(&b, "\n%s rows in %s, %s rows/s\n", Number(r.written()), Duration(r.Seconds), Number(r.RowsPerSec))
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *Report) written() (n int64) {
	for _, t := range r.Tables {
		n += t.Written
	}
	return n
}

func (r *Report) tables(b *strings.Builder) {
	rows := [][]string{{"TABLE", "SOURCE", "WRITTEN", "SET ASIDE", "WAITING", "LEFT OUT", "CHANGED", "UNEXPLAINED", "CHECKSUM"}}
	for _, t := range r.Tables {
		sum := "verified"
		if t.Expected != t.Stored {
			sum = "DIFFERS"
		}
		rows = append(rows, []string{t.Into, Number(t.Source), Number(t.Written), Number(t.SetAside), Number(t.Waiting), Number(t.LeftOut),
			Number(t.Changed), Number(t.Unexplained), sum})
	}
	Columns(b, rows)
}

func (r *Report) details(b *strings.Builder) {
	if len(r.Waves) > 1 {
		rows := [][]string{{"WAVE", "PLANNED", "MIGRATED", "GATE"}}
		for _, w := range r.Waves {
			rows = append(rows, []string{w.Name, Number(w.Users.Planned), Number(w.Users.Migrated), w.Gate})
		}
		b.WriteByte('\n')
		Columns(b, rows)
	}
	if len(r.Rules) > 0 {
		rows := [][]string{{"CHANGED BY RULE", "COLUMN", "ROWS"}}
		for _, rule := range r.Rules {
			rows = append(rows, []string{rule.Rule, rule.Table + "." + rule.Column, Number(rule.Rows)})
		}
		b.WriteByte('\n')
		Columns(b, rows)
	}
	if len(r.Causes) > 0 {
		rows := [][]string{{"CAUSE", "USERS", "ROWS", "FOR EXAMPLE"}}
		for _, c := range r.Causes {
			rows = append(rows, []string{c.Cause, Number(c.Users), Number(c.Rows), strings.Join(c.SampleKeys, " ")})
		}
		b.WriteByte('\n')
		Columns(b, rows)
	}
	r.targetState(b)
}

// targetState tells how many constraints and sequences are right, and names those that are not.
func (r *Report) targetState(b *strings.Builder) {
	good := 0
	var bad []string
	for _, c := range r.Constraints {
		if c.State == "valid" {
			good++
			continue
		}
		bad = append(bad, fmt.Sprintf("%s of %s is %s", c.Name, c.Table, c.State))
	}
	for _, s := range r.Sequences {
		if s.State != "ok" {
			bad = append(bad, s.Name+" is behind")
		}
	}
	fmt.Fprintf(b, "\nconstraints  %d of %d valid, sequences %d\n", good, len(r.Constraints), len(r.Sequences))
	for _, line := range bad {
		fmt.Fprintf(b, "  - %s\n", line)
	}
}

// Columns writes rows as aligned columns; all but the first column are right-aligned when the cell below the head is a number.
func Columns(b *strings.Builder, rows [][]string) {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if i > 0 {
				line.WriteString("  ")
			}
			if len(rows) > 1 && isNumber(rows[1][i]) {
				line.WriteString(pad + cell)
			} else {
				line.WriteString(cell + pad)
			}
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
}

func isNumber(cell string) bool {
	return cell != "" && strings.Trim(cell, "-0123456789,") == ""
}

// Number spells a count with commas between its thousands.
func Number(n int64) string {
	digits := strconv.FormatInt(abs(n), 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	if n < 0 {
		return "-" + digits
	}
	return digits
}

// Duration spells seconds as a person would: 4.2s, 3m05s, 2h04m.
func Duration(seconds float64) string {
	switch s := int64(seconds + 0.5); {
	case seconds < 59.95:
		return strconv.FormatFloat(seconds, 'f', 1, 64) + "s"
	case s < 3600:
		return fmt.Sprintf("%dm%02ds", s/60, s%60)
	default:
		return fmt.Sprintf("%dh%02dm", s/3600, s%3600/60)
	}
}

// Write writes the report in the given form: text, or json.
func (r *Report) Write(w io.Writer, format string) error {
	switch format {
	case "", "text":
		return r.Text(w)
	case "json":
		return r.JSON(w)
	}
	return fmt.Errorf("write the report as %q: there is text and json", format)
}
