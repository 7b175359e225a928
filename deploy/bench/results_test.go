package bench

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"text/tabwriter"
)

// results are what the contestants have spent, by their names, in each round.
type results struct {
	rows        int
	contestants []contestant
	costs       map[string][]cost
}

// What a cost has.
var (
	wall   = func(c cost) float64 { return c.Wall }
	own    = func(c cost) float64 { return c.Own }
	memory = func(c cost) float64 { return c.Memory }
	all    = func(c cost) float64 { return c.Own + c.MariaDB + c.Target }
)

// of is what each round has taken of a contestant, none of one that was not there.
func (r results) of(name string, what func(cost) float64) (values []float64) {
	for _, c := range r.costs[name] {
		values = append(values, what(c))
	}
	return values
}

// A ratio is what one contestant has spent over another, and what it is to be.
type ratio struct {
	what      string
	one, over string
	spent     func(cost) float64
	least     float64 // 0 is none
	most      float64 // 0 is none
}

var ratios = []ratio{
	{"rehome's rows per second over pgloader's", "pgloader", "rehome", wall, 3, 0},
	{"rehome's wall over the pipe's", "rehome", "mariadb | psql", wall, 0, 1.25},
	{"rehome's own CPU over pgloader's", "rehome", "pgloader", own, 0, 1.0 / 7},
	{"indexes in place: rehome's rows per second over pgloader's", "pgloader" + inPlace, "rehome", wall, 3, 0},
	{"indexes in place: rehome's wall over the pipe's", "rehome", "mariadb | psql" + inPlace, wall, 0, 1.25},
	{"indexes in place: rehome's own CPU over pgloader's", "rehome", "pgloader" + inPlace, own, 0, 1.0 / 7},
	{"rehome's wall over COPY's", "rehome", "COPY", wall, 0, 0},
	{"rehome's CPU, the servers' included, over the pipe's", "rehome", "mariadb | psql", all, 0, 0},
	{"the pipe's wall over COPY's", "mariadb | psql", "COPY", wall, 0, 0},
	{"UUIDv5: rehome's wall over COPY's of the same keys", "rehome UUIDv5", "COPY UUIDv5", wall, 0, 0},
	{"ordered: rehome's wall over COPY's of the same keys", "rehome ordered", "COPY ordered", wall, 0, 0},
	{"rehome's wall with UUIDv5 over that with integers", "rehome UUIDv5", "rehome", wall, 0, 0},
	{"rehome's wall with ordered UUIDs over that with UUIDv5", "rehome ordered", "rehome UUIDv5", wall, 0, 0},
}

// goal says what the ratio is to be, and whether it is.
func (r ratio) goal(m middle) string {
	verdict := map[bool]string{true: "yes", false: "no"}
	switch {
	case r.least != 0:
		return fmt.Sprintf("at least %.2f: %s", r.least, verdict[m.Median >= r.least])
	case r.most != 0:
		return fmt.Sprintf("at most %.3f: %s", r.most, verdict[m.Median <= r.most])
	}
	return ""
}

// show prints medians and ratios, each with its interval, and records them. There is a round at least.
func (r results) show(a *arena) {
	a.Helper()
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(&text, "\n%s: %d rows, medians of %d rounds; CPU in seconds\n", a.name, r.rows, len(r.costs[r.contestants[0].name]))
	_, _ = fmt.Fprintln(w, "\twall s\t[between]\trows/s\town CPU\tMariaDB\tPostgreSQL\tin all\trows/CPU s\town MiB\t  way")
	medians := map[string]any{}
	for _, c := range r.contestants {
		medians[c.name] = r.line(w, c)
	}
	_ = w.Flush()
	shares := r.ratios(&text)
	_, _ = fmt.Fprintln(os.Stdout, text.String()) // the file has it, too
	record(a, "peers", map[string]any{"shape": a.name, "rows": r.rows, "medians": medians, "ratios": shares})
}

// line prints the medians of a contestant.
func (r results) line(w *tabwriter.Writer, c contestant) map[string]any {
	of := func(what func(cost) float64) middle { return median(r.of(c.name, what)) }
	m, rows := of(wall), float64(r.rows)
	mariadb, target := of(func(c cost) float64 { return c.MariaDB }), of(func(c cost) float64 { return c.Target })
	_, _ = fmt.Fprintf(w, "%s\t%.2f\t[%.2f … %.2f]\t%.0f\t%.2f\t%.2f\t%.2f\t%.2f\t%.0f\t%.0f\t  %s\n", c.name, m.Median, m.Low, m.High, rows/m.Median,
		of(own).Median, mariadb.Median, target.Median, of(all).Median, rows/of(all).Median, of(memory).Median, c.ways[0].name)
	return map[string]any{"way": c.ways[0].name, "wall_s": m, "rows_per_s": rows / m.Median, "own_cpu_s": of(own), "mariadb_cpu_s": mariadb, "postgres_cpu_s": target,
		"cpu_s": of(all), "rows_per_cpu_s": rows / of(all).Median, "own_mib": of(memory)}
}

// ratios prints the ratios of those who have met.
func (r results) ratios(text *strings.Builder) map[string]middle {
	w := tabwriter.NewWriter(text, 0, 0, 2, ' ', 0)
	shares := map[string]middle{}
	_, _ = fmt.Fprintln(w, "\nratio, of the rounds' ratios\tmedian\tbetween\tgoal")
	for _, s := range ratios {
		if r.costs[s.one] == nil || r.costs[s.over] == nil {
			continue
		}
		m := over(r.of(s.one, s.spent), r.of(s.over, s.spent))
		shares[s.what] = m
		_, _ = fmt.Fprintf(w, "%s\t%.3f\t%.3f … %.3f\t%s\n", s.what, m.Median, m.Low, m.High, s.goal(m))
	}
	_ = w.Flush()
	return shares
}

func TestGoal(t *testing.T) {
	for name, c := range map[string]struct {
		ratio
		is   float64
		want string
	}{
		"what is to be large is large":  {ratio{least: 3}, 3, "at least 3.00: yes"},
		"what is to be large is not":    {ratio{least: 3}, 2.99, "at least 3.00: no"},
		"what is to be small is small":  {ratio{most: 1.25}, 1.25, "at most 1.250: yes"},
		"what is to be small is not":    {ratio{most: 1.25}, 1.26, "at most 1.250: no"},
		"of what is only told, nothing": {ratio{}, 1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := c.goal(middle{Median: c.is}); got != c.want {
				t.Errorf("goal = %q, want %q", got, c.want)
			}
		})
	}
}
