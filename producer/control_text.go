package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"

	"rehome/pkg/producer"
	"rehome/pkg/report"
	"rehome/pkg/throttle"
)

func pausedText(w io.Writer, s *producer.Standing) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s is paused: %s\n", s.Migration, seenText(s))
	switch busy := s.Workers.Busy; {
	case s.Paused != nil && s.Paused.Rollback && s.Paused.InWork > 0:
		rolledBackText(&b, s.Paused, busy)
	case busy > 0 && s.Paused != nil && s.Paused.Rollback:
		fmt.Fprintf(&b, "%s in work: being rolled back\n", counted(busy, "shard"))
	case busy > 0:
		fmt.Fprintf(&b, "%s in work: on to the end (pause --now rolls back)\n", counted(busy, "shard"))
	default:
		b.WriteString("no shard is in work\n")
	}
	unseenText(&b, s)
	b.WriteString("producer resume goes on\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// rolledBackText says what became of the shards that were in work.
func rolledBackText(b *strings.Builder, p *producer.Paused, busy int) {
	fmt.Fprintf(b, "%s in work: %s rolled back", counted(p.InWork, "shard"), report.Number(int64(p.Given)))
	if ended := p.InWork - p.Given - busy; ended > 0 {
		fmt.Fprintf(b, ", %s ended before that", report.Number(int64(ended)))
	}
	if busy > 0 {
		fmt.Fprintf(b, ", %s still being rolled back", report.Number(int64(busy)))
	}
	b.WriteByte('\n')
}

func resumedText(w io.Writer, s *producer.Standing, was bool) error {
	var b strings.Builder
	if was {
		fmt.Fprintf(&b, "%s goes on: %s\n", s.Migration, seenText(s))
	} else {
		fmt.Fprintf(&b, "%s was not paused\n", s.Migration)
	}
	unseenText(&b, s)
	stillText(&b, s)
	_, err := io.WriteString(w, b.String())
	return err
}

// stillText says what stands in the way without a pause.
func stillText(b *strings.Builder, s *producer.Standing) {
	if s.Halted != "" {
		fmt.Fprintf(b, "it is halted: %s; the next producer run looks at it again\n", s.Halted)
	}
	if s.Deadline != nil {
		fmt.Fprintf(b, "no shard is in work behind %s, as --until of the last run says\n", cmp.Or(s.Until, minute(*s.Deadline)))
	}
	for _, slow := range s.Workers.Slow {
		fmt.Fprintf(b, "%s: %s\n", counted(slow.Workers, "worker"), slow.Why)
	}
}

// limitsText shows the limits and what came of them.
func limitsText(w io.Writer, s *producer.Standing, set bool) error {
	var load throttle.Load
	if s.Gauge != nil && !s.Gauge.Old() {
		load = s.Gauge.Measured.Load
	}
	rows := [][]string{{"LIMIT", "SET", "NOW", ""}}
	for _, line := range s.Set.Lines(load) {
		now := line.Load
		switch {
		case line.Name == throttle.Slots:
			now = report.Number(int64(s.Workers.Busy))
		case now != "" && (s.Gauge == nil || s.Gauge.Old() || s.Gauge.Measured.Unknown()):
			now = "?"
		}
		rows = append(rows, []string{line.Name, line.Set, now, line.What})
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s is %s: ", s.Migration, s.State)
	if set {
		b.WriteString("the limits are set, and ")
	}
	b.WriteString(seenText(s) + "\n")
	unseenText(&b, s)
	b.WriteByte('\n')
	report.Columns(&b, rows)
	b.WriteByte('\n')
	gaugeText(&b, s)
	if s.Paused != nil {
		fmt.Fprintf(&b, "paused since %s: %s; producer resume goes on\n", minute(s.Paused.Since), s.Paused.Reason)
	}
	stillText(&b, s)
	_, err := io.WriteString(w, b.String())
	return err
}

// gaugeText says what the measurement means.
func gaugeText(b *strings.Builder, s *producer.Standing) {
	switch {
	case !s.Set.Measured():
	case s.Gauge == nil:
		b.WriteString("nobody has measured yet: producer run does, and until then the workers stand still\n")
	case s.Gauge.Old():
		fmt.Fprintf(b, "nobody measures since %s: producer run does, and until then the workers stand still\n", throttle.Span(time.Duration(s.Gauge.Age*float64(time.Second))))
	default:
		fmt.Fprintf(b, "measured %s ago: %s\n", throttle.Span(time.Duration(s.Gauge.Age*float64(time.Second))), s.Gauge.Measured.Describe())
	}
}

// seenText says who goes by the controls as they are.
func seenText(s *producer.Standing) string {
	alive := s.Workers.Alive
	if alive == 0 {
		return "no worker is alive; who is started goes by it"
	}
	return fmt.Sprintf("seen by %d of %s", alive-len(s.Unseen), counted(alive, "worker"))
}

// unseenText says who does not.
func unseenText(b *strings.Builder, s *producer.Standing) {
	for _, w := range s.Unseen {
		fmt.Fprintf(b, "not seen by the worker on %s, last heard of %s: it is slow, cut off or dead, and the ledger gives it no shard\n", w.Host, w.Beat.UTC().Format("15:04:05 UTC"))
	}
}

// counted returns "1 worker" or "8 workers".
func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return report.Number(int64(n)) + " " + what + "s"
}
