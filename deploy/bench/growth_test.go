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
	if len(all) == len(chosen) {
		showGrowth(b, all)
	}
}

// growth is what a population of one size has cost.
type growth struct {
	Rows   int     `json:"rows"`
	Own    float64 `json:"own_cpu_s"`
	Wall   float64 `json:"wall_s"`
	Copy   float64 `json:"copy_wall_s"`
	Over   middle  `json:"wall_over_copy"`
	Memory float64 `json:"own_mib"`
}

func grow(b *testing.B, s size) growth {
	a := newArena(b, social, s.rows)
	const rehome, floor = "rehome UUIDv5", "COPY UUIDv5"
	uuids := a.uuids()
	// COPY always in one way, or the sizes could not be compared.
	r := a.compare([]contestant{{rehome, uuids, a.rehome(uuids), true}, {floor, uuids, a.floor(uuids)[1:], false}}, s.rounds)
	r.show(a)
	of := func(name string, what func(cost) float64) float64 { return median(r.of(name, what)).Median }
	g := growth{Rows: a.rows, Own: of(rehome, own), Wall: of(rehome, wall), Copy: of(floor, wall), Over: over(r.of(rehome, wall), r.of(floor, wall)), Memory: of(rehome, memory)}
	record(b, "growth", map[string]any{"size": g})
	return g
}

// enough rows make a size; fewer show what a migration takes beside its rows.
const enough = 50_000

// A measure is one of the numbers that are to be the same for each size.
type measure struct {
	what string
	of   func(g, start growth) float64
	most float64 // that the most may be over the least, 0 is none
}

var measures = []measure{
	{"own CPU µs/row", func(g, _ growth) float64 { return 1e6 * g.Own / float64(g.Rows) }, 1.10},
	{"beyond the start", func(g, start growth) float64 { return 1e6 * (g.Own - start.Own) / float64(g.Rows-start.Rows) }, 0},
	{"own MiB", func(g, _ growth) float64 { return g.Memory }, 1.10},
	{"wall over COPY's", func(g, _ growth) float64 { return g.Over.Median }, 1.15},
	{"beyond the start", func(g, start growth) float64 { return (g.Wall - start.Wall) / (g.Copy - start.Copy) }, 0},
}

// parted returns the sizes, and what is to be taken off where a start was measured.
func parted(all []growth) (sizes []growth, start growth) {
	for _, g := range all {
		if g.Rows < enough {
			start = g
		} else {
			sizes = append(sizes, g)
		}
	}
	return sizes, start
}

func showGrowth(b *testing.B, all []growth) {
	b.Helper()
	sizes, start := parted(all)
	if len(sizes) == 0 {
		return
	}
	var text strings.Builder
	_, _ = fmt.Fprintf(&text, "\ngrowth, social shape, UUIDv5; a start and an end without rows: %.2f s, %.2f s of own CPU, %.0f MiB\n", start.Wall, start.Own, start.Memory)
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprint(w, "rows\trows/s\t")
	for _, m := range measures {
		_, _ = fmt.Fprint(w, m.what, "\t")
	}
	for _, g := range sizes {
		_, _ = fmt.Fprintf(w, "\n%d\t%.0f\t", g.Rows, float64(g.Rows)/g.Wall)
		for _, m := range measures {
			_, _ = fmt.Fprintf(w, "%.2f\t", m.of(g, start))
		}
	}
	var spreads []float64
	_, _ = fmt.Fprint(w, "\nthe most over the least\t\t")
	for _, m := range measures {
		spreads = append(spreads, m.spread(sizes, start))
		_, _ = fmt.Fprintf(w, "%.2f\t", spreads[len(spreads)-1])
	}
	_, _ = fmt.Fprint(w, "\ngoal\t\t")
	for i, m := range measures {
		_, _ = fmt.Fprint(w, ratio{most: m.most}.goal(middle{Median: spreads[i]}), "\t")
	}
	_ = w.Flush()
	_, _ = fmt.Fprintln(os.Stdout, text.String()) // the file has it, too
	record(b, "growth", map[string]any{"own_cpu_spread": spreads[0], "own_mib_spread": spreads[2], "wall_over_copy_spread": spreads[3]})
}

// spread is the most over the least of the sizes.
func (m measure) spread(sizes []growth, start growth) float64 {
	least, most := math.Inf(1), math.Inf(-1)
	for _, g := range sizes {
		least, most = min(least, m.of(g, start)), max(most, m.of(g, start))
	}
	return most / least
}

func TestGrowth(t *testing.T) {
	all := []growth{
		{Rows: 150, Own: 0.2, Wall: 1, Copy: 0.5, Memory: 40},
		{Rows: 100_150, Own: 0.5, Wall: 3, Copy: 1.5, Memory: 100, Over: middle{Median: 2}},
		{Rows: 1_000_150, Own: 3.2, Wall: 21, Copy: 10.5, Memory: 125, Over: middle{Median: 2.5}},
	}
	sizes, start := parted(all)
	if len(sizes) != 2 || start.Rows != 150 {
		t.Fatalf("sizes %v, start %v", sizes, start)
	}
	for i, want := range []float64{1.56, 1, 1.25, 1.25, 1} {
		if got := measures[i].spread(sizes, start); math.Abs(got-want) > 0.005 {
			t.Errorf("%s: the most over the least is %.3f, want %.2f", measures[i].what, got, want)
		}
	}
}
