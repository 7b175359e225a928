package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// Write writes the report in the given form: text, json or html.
func (r *Report) Write(w io.Writer, format string) error {
	switch format {
	case "", "text":
		return r.Text(w)
	case "json":
		return r.JSON(w)
	case "html":
		return r.HTML(w)
	}
	return fmt.Errorf("write the report as %q: there is text, json and html", format)
}

// JSON writes the report as one indented JSON object, with its digest.
func (r *Report) JSON(w io.Writer) error {
	body, err := r.Encoded()
	if err != nil {
		return err
	}
	if _, err := w.Write(body); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// filled returns the report with empty lists where it has none: a script can rely on each key being a list.
func (r *Report) filled() *Report {
	out := *r
	out.Mapping, out.Reasons, out.Waves, out.Tables = list(r.Mapping), list(r.Reasons), list(r.Waves), list(r.Tables)
	out.Legacy, out.Rules, out.Causes = list(r.Legacy), list(r.Rules), list(slices.Clone(r.Causes))
	out.Discarded = list(r.Discarded)
	out.Conflicts, out.Originals, out.Own = list(slices.Clone(r.Conflicts)), list(r.Originals), list(r.Own)
	out.Constraints, out.Sequences = list(r.Constraints), list(r.Sequences)
	out.Dead, out.Next = list(r.Dead), list(r.Next)
	out.Timings.Phases, out.Throughput.Rows, out.Throughput.Busy = list(r.Timings.Phases), list(r.Throughput.Rows), list(r.Throughput.Busy)
	for i := range out.Causes {
		out.Causes[i].SampleKeys = list(out.Causes[i].SampleKeys)
	}
	for i := range out.Conflicts {
		out.Conflicts[i].SampleKeys = list(out.Conflicts[i].SampleKeys)
	}
	return &out
}

func list[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// Columns of a text that nobody says the width of.
const standardWidth = 100

// Text writes the report for a person, in lines of up to 100 letters where that can be.
func (r *Report) Text(w io.Writer) error { return r.TextFor(w, standardWidth) }

// TextFor writes the report for a person whose lines have so many letters, with what matters most last: tables, phases, sums, the verdict, what to do.
func (r *Report) TextFor(w io.Writer, width int) error {
	var b strings.Builder
	fmt.Fprintf(&b, "migration %s, run %s, rehome %s\n", r.Migration, r.Run, r.Rehome)
	for _, section := range []func(*strings.Builder){r.waves, r.legacy, r.rules, r.originals, r.own, r.conflicts, r.discarded, r.dead, r.causes} {
		section(&b)
	}
	r.tables(&b, width)
	r.phases(&b, width)
	b.WriteByte('\n')
	for _, line := range r.totals() {
		writeWrapped(&b, fmt.Sprintf("%-7s ", line[0]), line[1], width)
	}
	fmt.Fprintf(&b, "\n%s: %s\n", r.Migration, strings.ToUpper(r.Verdict))
	for _, reason := range r.Reasons {
		writeWrapped(&b, "  - ", reason, width)
	}
	if len(r.Next) > 0 {
		b.WriteString("next\n")
	}
	for _, sentence := range r.Next {
		writeWrapped(&b, "  - ", sentence, width)
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// writeWrapped writes the text behind its head, further lines below the text.
func writeWrapped(b *strings.Builder, head, text string, width int) {
	for _, line := range wrap(text, width-len(head)) {
		b.WriteString(head + line + "\n")
		head = strings.Repeat(" ", len(head))
	}
}

// totals are the sums of the whole, each with its name.
func (r *Report) totals() [][2]string {
	lines := [][2]string{{"users", r.Users.equation()}, {"shards", r.shards()}, {"source", r.source()}, {"target", r.target()}, {"time", r.time()}}
	if len(r.Mapping) > 1 {
		lines = append(lines, [2]string{"mapping", strings.Join(r.mappings(), ", then ")})
	}
	if r.Servers != (Servers{}) {
		lines = append(lines, [2]string{"servers", r.Servers.Legacy + " to " + r.Servers.Target})
	}
	return lines
}

// A term is one side's part of a sum that is shown. Those that are zero are left out.
type term struct {
	n    int64
	name string
}

func terms(all ...term) string {
	var out []string
	for _, t := range all {
		if t.n != 0 {
			out = append(out, Number(t.n)+" "+t.name)
		}
	}
	if out == nil {
		return "0 " + all[0].name
	}
	return strings.Join(out, " + ")
}

func (u Users) equation() string {
	return terms(term{u.Planned, "planned"}, term{u.Appeared, "appeared"}) + " = " +
		terms(term{u.Migrated, "migrated"}, term{u.Merged, "merged"}, term{u.Quarantined, "quarantined"}, term{u.LeftOut, "left out"},
			term{u.Vanished, "vanished"}, term{u.Pending, "pending"}, term{u.Unexplained(), "UNEXPLAINED"})
}

func (s Shards) sum() string {
	return terms(term{s.Planned, "planned"}) + " = " +
		terms(term{s.Done, "done"}, term{s.Dead, "dead"}, term{s.Discarded, "discarded"}, term{s.Pending, "pending"})
}

// shards tells how shards have ended, and of how many rows they were planned.
func (r *Report) shards() string {
	if r.ShardRows == 0 {
		return r.Shards.sum()
	}
	return r.Shards.sum() + "; of " + Number(r.ShardRows) + " rows at most, as planned"
}

func (r *Report) source() string {
	switch {
	case r.FinishedAt == nil:
		return "not known before the load has ended"
	case r.Consistency == "unproved" && r.Accepted != "":
		return "unproved, accepted: " + r.Accepted
	}
	return r.Consistency
}

// mappings spells the mappings by the beginning of their hashes, which tells them apart.
func (r *Report) mappings() []string {
	const told = len("sha256:") + 12
	short := slices.Clone(r.Mapping)
	for i, hash := range short {
		short[i] = hash[:min(len(hash), told)]
	}
	return short
}

func (r *Report) time() string {
	var written int64
	for _, t := range r.Tables {
		written += t.Written
	}
	const form = "2006-01-02 15:04 UTC"
	span := "since " + r.StartedAt.UTC().Format(form)
	if r.FinishedAt != nil {
		span = r.StartedAt.UTC().Format(form) + " to " + r.FinishedAt.UTC().Format(form)
	}
	return fmt.Sprintf("%s: %s written in %s, %s rows/s", span, plural(written, "row", "rows"), Duration(r.Seconds), Number(r.RowsPerSec))
}
