package report

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

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

// JSON writes the report as one indented JSON object.
func (r *Report) JSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	if err := enc.Encode(r.filled()); err != nil {
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

// Text writes the report for a person.
func (r *Report) Text(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", r.Migration, strings.ToUpper(r.Verdict))
	for _, reason := range r.Reasons {
		fmt.Fprintf(&b, "  - %s\n", reason)
	}
	fmt.Fprintf(&b, "\nusers   %s\n", r.Users.equation())
	fmt.Fprintf(&b, "shards  %s\n", r.Shards.sum())
	fmt.Fprintf(&b, "source  %s\n", r.source())
	fmt.Fprintf(&b, "time    %s\n", r.time())
	if len(r.Mapping) > 1 {
		fmt.Fprintf(&b, "mapping %s\n", strings.Join(r.mappings(), ", then "))
	}
	sections := []func(*strings.Builder){r.waves, r.tables, r.legacy, r.rules, r.causes, r.discarded, r.conflicts, r.originals, r.own, r.targetState}
	for _, section := range sections {
		section(&b)
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
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
