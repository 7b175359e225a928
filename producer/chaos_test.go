package main_test

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rehome/pkg/sandbox/community"
	"rehome/pkg/sandbox/programs"
)

// CHAOS_RUNS is how many sieges TestChaos runs, as few as have every kind of fault where it is not set; CHAOS_SEED is the seed of the
// first one, and each next one has the next.
const chaosRuns, chaosSeed = "CHAOS_RUNS", "CHAOS_SEED"

// TestChaos has faults strike at times that chance has drawn while real programs are at work, and compares the end of each siege with
// that of a run that nobody disturbed. A seed decides everything that is not the machine's own timing.
func TestChaos(t *testing.T) {
	t.Parallel()
	programs.Build(t)
	grounds, free := chaosGrounds(t)
	var sum tally
	t.Cleanup(func() { t.Log(sum.String()) })
	for _, plan := range chaosPlans(t) {
		t.Run(fmt.Sprintf("seed %d", plan.seed), func(t *testing.T) {
			t.Parallel()
			t.Log(plan)
			start := time.Now()
			s := newSiege(t, grounds[plan.colliding], free.take(t, plan.clocked), plan)
			defer func() { sum.add(s, time.Since(start)) }()
			s.ends(s.run())
		})
	}
}

func TestSchedule(t *testing.T) {
	t.Run("the same seed gives the same faults, and another one others", func(t *testing.T) {
		if one, again := newSchedule(7).String(), newSchedule(7).String(); one != again || one == newSchedule(8).String() {
			t.Errorf("seed 7 gives %s\nand %s", one, again)
		}
	})
	t.Run("somebody is always left to do the work", func(t *testing.T) {
		for seed := range uint64(1000) {
			for _, f := range newSchedule(seed).faults {
				if f.lasts == forGood && f.on != "worker 3" {
					t.Errorf("seed %d: %s", seed, f)
				}
			}
		}
	})
	t.Run("few sieges have every kind of fault", func(t *testing.T) {
		plans := covering(1)
		seen := map[kind]bool{}
		for _, plan := range plans {
			for _, k := range plan.kinds() {
				seen[k] = true
			}
		}
		if len(seen) != 16 || len(plans) > 12 {
			t.Errorf("%d sieges have %d kinds of faults", len(plans), len(seen))
		}
	})
}

// chaosPlans returns the schedules of as many runs as are asked for, or few that have every kind.
func chaosPlans(t *testing.T) (plans []schedule) {
	t.Helper()
	runs, first := setting(t, chaosRuns, 0), setting(t, chaosSeed, 1)
	if runs == 0 {
		return covering(first)
	}
	for i := range runs {
		plans = append(plans, newSchedule(first+i))
	}
	return plans
}

func setting(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	text, found := os.LookupEnv(name)
	if !found {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// covering draws schedules until each kind is in one, and leaves those out that bring nothing new.
func covering(seed uint64) (plans []schedule) {
	all := slices.Concat(everywhere, special[lone], special[cluster], special[disk], []kind{clockJumps})
	seen := map[kind]bool{}
	for missing := len(all); missing > 0; seed++ {
		plan := newSchedule(seed)
		fresh := 0
		for _, k := range plan.kinds() {
			if !seen[k] {
				fresh++
			}
		}
		missing = 0
		if fresh >= 3 || fresh > 0 && len(seen) > 10 {
			plans = append(plans, plan)
			for _, k := range plan.kinds() {
				seen[k] = true
			}
		}
		for _, k := range all {
			if !seen[k] {
				missing++
			}
		}
	}
	return plans
}

// chaosGrounds has undisturbed runs show what is to come out of both populations.
func chaosGrounds(t *testing.T) (map[bool]*ground, *estates) {
	t.Helper()
	free := &estates{parent: t, free: map[bool][]*estate{}}
	first := newEstate(t, t, false)
	free.free[false] = []*estate{first}
	mapping := strings.Replace(small(string(community.Mapping())), fmt.Sprintf("shard_rows: %d", crashUsers), "shard_rows: 120", 1)
	return map[bool]*ground{
		false: newGround(t, first.legacy, mapping, 0),
		true:  newGround(t, first.legacy, withCollisions(t, mapping), 4),
	}, free
}

// differences compares two outcomes, and rows only where they differ: a comparison of all is long.
func differences(want, got outcome) string {
	if want.Rows == got.Rows {
		want.Rows, got.Rows = "", ""
	}
	return cmp.Diff(want, got)
}

// A tally sums up sieges.
type tally struct {
	mu     sync.Mutex
	runs   int
	failed []uint64
	took   time.Duration
	struck map[kind]int
	late   int
}

// add says how a siege has ended, and counts it.
func (c *tally) add(s *siege, took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.runs++
	c.took += took
	verdict := "as if nothing had happened"
	if s.Failed() {
		c.failed = append(c.failed, s.seed)
		verdict = "FAILED"
	}
	if c.struck == nil {
		c.struck = map[kind]int{}
	}
	for _, k := range s.strikes {
		if k.struck {
			c.struck[k.kind]++
		} else {
			c.late++
		}
	}
	s.Logf("seed %d: %s, after %s; %s", s.seed, verdict, took.Truncate(100*time.Millisecond), s.state())
}

func (c *tally) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var b strings.Builder
	mean := c.took / time.Duration(max(1, c.runs))
	fmt.Fprintf(&b, "%d sieges of %s on average, %d of them FAILED %v; what struck:", c.runs, mean.Truncate(100*time.Millisecond), len(c.failed), c.failed)
	for _, k := range slices.Sorted(maps.Keys(c.struck)) {
		fmt.Fprintf(&b, "\n%6d  %s", c.struck[k], k)
	}
	fmt.Fprintf(&b, "\n%6d  came when all was over", c.late)
	return b.String()
}
