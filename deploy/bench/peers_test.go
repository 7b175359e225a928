package bench

import (
	"os"
	"strconv"
	"testing"
)

// BenchmarkPeers brings the same rows to the same tables by rehome and by its peers in turn, several rounds, and prints medians and ratios. REHOME_BENCH_ROWS
// names another number of rows than a million, REHOME_BENCH_ROUNDS another one of rounds than 5, REHOME_BENCH_CONTESTANTS who meets, with commas, where not
// all, and REHOME_BENCH_PROFILE a directory for the profile of one more load by rehome.
//
// It is to be fair. All have the same servers and settings, and the same rows in memory; before each there is a checkpoint, and none is always the first.
// The peers' ways differ in speed by machine and shape, so that each is tried in its ways, and meets the others in its fastest.
func BenchmarkPeers(b *testing.B) {
	rows, rounds := number(b, "REHOME_BENCH_ROWS", 1_000_000), number(b, "REHOME_BENCH_ROUNDS", 5)
	for _, s := range []shape{wide, social} {
		b.Run(s.name, func(b *testing.B) {
			for b.Loop() {
				a := newArena(b, s, rows)
				if contestants := a.contestants(); len(contestants) > 0 {
					a.dump()
					a.compare(contestants, rounds).show(a)
				}
				if dir := os.Getenv("REHOME_BENCH_PROFILE"); dir != "" {
					a.profile(dir)
				}
			}
		})
	}
}

// compare has the contestants meet in so many rounds.
func (a *arena) compare(contestants []contestant, rounds int) results {
	a.Helper()
	r := results{rows: a.rows, contestants: contestants, costs: map[string][]cost{}}
	for i := range contestants {
		a.try(&contestants[i])
	}
	for round := range rounds {
		for i := range contestants {
			c := contestants[(i+round)%len(contestants)]
			got := a.meet(c, c.ways[0], false)
			record(a, "peers", map[string]any{"shape": a.name, "contestant": c.name, "way": c.ways[0].name, "round": round, "rows": a.rows, "cost": got})
			r.costs[c.name] = append(r.costs[c.name], got)
		}
	}
	return r
}

func number(b *testing.B, name string, standard int) int {
	b.Helper()
	text := os.Getenv(name)
	if text == "" {
		return standard
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		b.Fatalf("%s: %v", name, err)
	}
	return n
}
