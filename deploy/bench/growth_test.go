package bench

import (
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"text/tabwriter"
)

// A size is a population that is brought so many times.
type size struct{ rows, rounds int }

// The first is what a migration takes before its first row and after its last.
var sizes = []size{{150, 5}, {100_000, 5}, {1_000_000, 3}, {10_000_000, 1}}

// BenchmarkGrowth brings populations of different sizes by rehome, with UUIDv5 keys, and by COPY from files with the same keys, and prints what a row costs in each, and what the
// largest of these costs is of the smallest. They have the social shape: ten million of its rows, 1.1 GB, leave room for the files on the disk of a small machine, which ten
// million wide ones do not. REHOME_BENCH_GROWTH names other sizes, such as 100000x5,1000000x3: rows x rounds.
func BenchmarkGrowth(b *testing.B) {
	chosen := sizes
	if text := os.Getenv("REHOME_BENCH_GROWTH"); text != "" {
		chosen = nil
		for one := range strings.SplitSeq(text, ",") {
			var s size
			if _, err := fmt.Sscanf(one, "%dx%d", &s.rows, &s.rounds); err != nil {
				b.Fatal(err)
			}
			chosen = append(chosen, s)
		}
	}
	var all []growth
	for _, s := range chosen {
		// Each has servers of its own, whose disk the next one gets.
		b.Run(fmt.Sprint(s.rows), func(b *testing.B) {
			for b.Loop() {
				all = append(all, grow(b, s))
			}
		})
	}
	showGrowth(b, all)
}

// growth is what a population of one size has cost.
type growth struct {
	Rows   int     `json:"rows"`
	Own    float64 `json:"own_us_per_row"`
	Wall   float64 `json:"wall_us_per_row"`
	Floor  middle  `json:"wall_over_copy"`
	Memory float64 `json:"own_mib"`
}

func grow(b *testing.B, s size) growth {
	a := newArena(b, social, s.rows)
	const rehome, floor = "rehome UUIDv5", "COPY UUIDv5"
	uuids := a.uuids()
	// COPY always in one way, or the sizes could not be compared.
	r := a.compare([]contestant{{rehome, uuids, a.rehome(uuids), true}, {floor, uuids, a.floor(uuids)[1:], false}}, s.rounds)
	r.show(a)
	of := func(what func(cost) float64) float64 { return median(r.of(rehome, what)).Median }
	g := growth{Rows: a.rows, Own: of(own) / float64(a.rows) * 1e6, Wall: of(wall) / float64(a.rows) * 1e6, Memory: of(memory), Floor: over(r.of(rehome, wall), r.of(floor, wall))}
	record(b, "growth", map[string]any{"size": g})
	return g
}

// enough rows make the start and the end of a migration small beside its middle.
const enough = 50_000

func showGrowth(b *testing.B, all []growth) {
	b.Helper()
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(w, "rows\tµs/row\town CPU µs/row\town MiB\twall over COPY's\t[between]\t")
	for _, g := range all {
		_, _ = fmt.Fprintf(w, "%d\t%.2f\t%.2f\t%.0f\t%.2f\t[%.2f … %.2f]\t\n", g.Rows, g.Wall, g.Own, g.Memory, g.Floor.Median, g.Floor.Low, g.Floor.High)
	}
	_ = w.Flush()
	spreads := map[string]any{}
	for _, s := range []struct {
		what string
		of   func(growth) float64
		most float64
	}{
		{"own CPU per row", func(g growth) float64 { return g.Own }, 1.10},
		{"own memory", func(g growth) float64 { return g.Memory }, 1.10},
		{"wall over COPY's", func(g growth) float64 { return g.Floor.Median }, 1.15},
	} {
		spread := spreadOf(all, s.of)
		spreads[s.what] = spread
		_, _ = fmt.Fprintf(&text, "%s: the most over the least %.2f; %s\n", s.what, spread, ratio{most: s.most}.goal(middle{Median: spread}))
	}
	_, _ = fmt.Fprintf(os.Stdout, "\ngrowth, social shape, UUIDv5\n%s\n", text.String()) // the file has it, too
	record(b, "growth", map[string]any{"spreads": spreads})
}

// spreadOf is the most over the least of the sizes, 1 where there are none.
func spreadOf(all []growth, of func(growth) float64) float64 {
	least, most := math.Inf(1), math.Inf(-1)
	for _, g := range all {
		if g.Rows >= enough {
			least, most = min(least, of(g)), max(most, of(g))
		}
	}
	if math.IsInf(least, 0) {
		return 1
	}
	return most / least
}

func TestSpread(t *testing.T) {
	own := func(g growth) float64 { return g.Own }
	if got := spreadOf([]growth{{Rows: 150, Own: 900}, {Rows: 100_000, Own: 3}, {Rows: 1_000_000, Own: 2}, {Rows: 10_000_000, Own: 2.5}}, own); got != 1.5 {
		t.Errorf("spread = %v, want 1.5: the start is no size", got)
	}
	if got := spreadOf(nil, own); got != 1 {
		t.Errorf("spread of nothing = %v, want 1", got)
	}
}
