package producer

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"rehome/pkg/report"
)

// EventsText writes what has happened to the shard for a person, each detail on a line of its own.
func (s *DeadShow) EventsText(b *strings.Builder) {
	var rows [][]string
	for _, e := range s.Events {
		rows = append(rows, []string{e.At.UTC().Format(time.RFC3339), fmt.Sprint(e.Generation), fmt.Sprint(e.Attempt), e.What})
	}
	var table strings.Builder
	report.Columns(&table, append([][]string{{"AT", "GENERATION", "ATTEMPT", "WHAT"}}, rows...))
	head, rest, _ := strings.Cut(table.String(), "\n")
	b.WriteString(head + "\n")
	for i, line := range strings.SplitAfter(rest, "\n")[:len(s.Events)] {
		b.WriteString(line)
		for _, detail := range detailLines(s.Events[i].Detail) {
			b.WriteString("    " + detail + "\n")
		}
	}
}

// detailLines spells the details of an event, each by its name.
func detailLines(raw json.RawMessage) (lines []string) {
	var details map[string]any
	if json.Unmarshal(raw, &details) != nil {
		return nil // it has none
	}
	for _, name := range slices.Sorted(maps.Keys(details)) {
		var text string
		switch v := details[name].(type) {
		case string:
			text = v
		case float64:
			text = strconv.FormatFloat(v, 'f', -1, 64)
		default:
			plain, _ := json.Marshal(v) // it came from JSON
			text = string(plain)
		}
		if text != "" {
			lines = append(lines, strings.ReplaceAll(name, "_", " ")+": "+text)
		}
	}
	return lines
}
