package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"rehome/pkg/producer"
	"rehome/pkg/report"
)

func minute(at time.Time) string { return at.UTC().Format("2006-01-02 15:04 UTC") }

func deadText(w io.Writer, l *producer.DeadList) error {
	var b strings.Builder
	rows := [][]string{{"CAUSE", "SHARDS", "USERS", "ROWS", "FIRST", "LAST"}}
	for _, c := range l.Causes {
		rows = append(rows, []string{c.Cause, report.Number(int64(c.Shards)), report.Number(c.Users), report.Number(c.Rows), minute(c.First), minute(c.Last)})
	}
	if len(l.Causes) == 0 {
		fmt.Fprintf(&b, "no shard of migration %s is dead\n", l.Migration)
	} else {
		report.Columns(&b, rows)
	}
	for _, c := range l.Causes {
		fmt.Fprintf(&b, "\n%s: %s\n  the last said: %s\n", c.Cause, strings.Join(c.IDs, " "), c.Error)
	}
	rows = [][]string{{"DISCARDED", "USERS", "ROWS", "AT", "REASON"}}
	for _, d := range l.Discarded {
		rows = append(rows, []string{d.ID, report.Number(d.Users), report.Number(d.Rows), minute(d.At), d.Reason})
	}
	if len(l.Discarded) > 0 {
		b.WriteByte('\n')
		report.Columns(&b, rows)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func deadShowText(w io.Writer, s *producer.DeadShow) error {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-9s %s\n", name, fmt.Sprintf(format, args...))
	}
	line("shard", "%s, %s: %s of wave %s", s.ID, s.State, s.Kind, s.Wave)
	if s.Into != "" {
		line("of", "%s", s.Into)
	}
	if s.Reason != "" {
		line("reason", "%s", s.Reason)
	}
	line("cause", "%s", s.Cause)
	line("error", "%s", s.Error)
	line("tried", "%d times, from %s to %s, last in trace %s", s.Attempts, minute(s.First), minute(s.Last), or(s.TraceID))
	line("with", "mapping %s, rehome %s, legacy binlog at %s, legacy schema %s, target's tables %s",
		or(s.Tried.Mapping), or(s.Tried.Rehome), or(s.Tried.Position), or(s.Tried.Legacy), or(s.Tried.Target))
	if len(s.Changed) == 0 {
		line("since", "nothing has changed: another attempt would meet the same")
	} else {
		line("since", "%s", strings.Join(s.Changed, ", "))
	}
	line("planned", "%s users, %s rows", report.Number(s.Users), report.Number(s.Rows))
	now := report.Number(s.Now.Users) + " users"
	if s.Now.Users > 0 {
		now += ", from " + s.Now.FirstUser + " to " + s.Now.LastUser
	}
	line("now", "%s", now)
	rows := [][]string{{"TABLE", "ROWS NOW", "FROM"}}
	for _, t := range s.Now.Tables {
		rows = append(rows, []string{t.Into, report.Number(t.Rows), t.From})
	}
	b.WriteByte('\n')
	report.Columns(&b, rows)
	b.WriteByte('\n')
	s.EventsText(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

func or(text string) string {
	if text == "" {
		return "(not known)"
	}
	return text
}

func republishedText(w io.Writer, r *producer.Republication) error {
	var b strings.Builder
	switch {
	case len(r.Shards) == 0 && len(r.Others) > 0:
		fmt.Fprintf(&b, "no shard of migration %s is dead of that cause; dead are shards of: %s\n", r.Migration, strings.Join(r.Others, ", "))
	case len(r.Shards) == 0:
		fmt.Fprintf(&b, "no shard of migration %s is dead: nothing is to be done\n", r.Migration)
	}
	waits := false
	for _, s := range r.Shards {
		fmt.Fprintf(&b, "%s  %s: %s\n", s.ID, s.Result, s.Why)
		waits = waits || s.Result == producer.Republished && !s.Queued
	}
	if waits {
		b.WriteString("the next producer run publishes what is republished\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func discardedText(w io.Writer, d *producer.DiscardedShard) error {
	_, err := fmt.Fprintf(w, "%s  discarded: %s users and %s rows are left out; the next producer run comes to the verdict, and producer dead republish %s takes it back\n",
		d.ID, report.Number(d.Users), report.Number(d.Rows), d.ID)
	return err
}
