package main_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// A kind is what a fault does.
type kind string

const (
	killed       kind = "SIGKILL of a program"
	frozen       kind = "SIGSTOP of a program"
	natsKilled   kind = "NATS killed, store kept"
	natsLost     kind = "NATS killed, store lost"
	leaderLost   kind = "cluster loses its leader"
	majorityLost kind = "cluster loses its majority"
	targetKilled kind = "PostgreSQL killed"
	legacyKilled kind = "MariaDB killed"
	linkCut      kind = "connections cut"
	linkCutAfter kind = "connection cut in mid-stream"
	linkSlow     kind = "connections slowed"
	linkNarrow   kind = "connections narrowed"
	linkHeld     kind = "connections half-open"
	linkRefused  kind = "connections refused"
	diskFull     kind = "disk full under NATS"
	clockJumps   kind = "databases' clock jumps"
)

// A terrain is what NATS a siege has.
type terrain string

const (
	lone    terrain = "a lone NATS"
	cluster terrain = "a cluster of three"
	disk    terrain = "NATS on a small disk"
)

// everywhere are the kinds that can strike in each siege; special those that need a terrain, or servers with a clock of their own.
var (
	everywhere = []kind{killed, killed, killed, frozen, frozen, targetKilled, legacyKilled, linkCut, linkCut, linkCutAfter, linkSlow, linkNarrow,
		linkHeld, linkHeld, linkRefused}
	special = map[terrain][]kind{lone: {natsKilled, natsLost}, cluster: {leaderLost, majorityLost}, disk: {diskFull, natsKilled}}
	victims = []string{"producer", "worker 1", "worker 2", "worker 3", "aggregator"}
	links   = []string{"legacy", "target", "nats"}
)

// A fault strikes when so much of the plan is done, and somewhat later.
type fault struct {
	kind  kind
	on    string  // the program, the link or the server
	at    float64 // the share of the shards that are done by then; 0 from the start, 1 in the end of the load
	after time.Duration
	lasts time.Duration
	size  int64         // bytes, or bytes per second
	shift time.Duration // of a clock, or a connection's latency
}

func (f fault) String() string {
	text := fmt.Sprintf("%s (%s) at %.0f%% + %s", f.kind, f.on, 100*f.at, f.after)
	switch {
	case f.lasts == forGood:
		text += " until all is over"
	case f.lasts > 0:
		text += fmt.Sprintf(" for %s", f.lasts)
	}
	switch f.kind {
	case linkCutAfter, linkNarrow:
		text += fmt.Sprintf(", %d bytes", f.size)
	case linkSlow, clockJumps:
		text += fmt.Sprintf(", by %s", f.shift)
	}
	return text
}

// A schedule is all that chance decides about a siege: the same seed gives the same.
type schedule struct {
	seed      uint64
	terrain   terrain
	clocked   bool // the databases have a clock of their own
	colliding bool // of the two populations the one that needs settling
	faults    []fault
}

const (
	mostFaults = 6
	forGood    = time.Hour // until all is over
)

func newSchedule(seed uint64) schedule {
	r := &dice{rand.New(rand.NewPCG(seed, 4))}
	s := schedule{seed: seed, terrain: lone, clocked: r.chance(25), colliding: r.chance(50)}
	switch n := r.IntN(100); {
	case n < 25:
		s.terrain = cluster
	case n < 45:
		s.terrain = disk
	}
	for i := range 1 + r.IntN(mostFaults) {
		var k kind
		switch {
		case i == 0 && s.terrain != lone, r.chance(25):
			k = draw(r, special[s.terrain])
		case s.clocked && (i <= 1 || r.chance(25)):
			k = clockJumps
		default:
			k = draw(r, everywhere)
		}
		s.faults = append(s.faults, r.fault(k))
	}
	slices.SortStableFunc(s.faults, func(a, b fault) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.after, b.after)) })
	return s
}

func (s schedule) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d on %s", s.seed, s.terrain)
	if s.clocked {
		b.WriteString(", databases with a clock of their own")
	}
	if s.colliding {
		b.WriteString(", users who collide")
	}
	for _, f := range s.faults {
		fmt.Fprintf(&b, "\n  %s", f)
	}
	return b.String()
}

// kinds returns what strikes for certain: at the end a siege may be over before.
func (s schedule) kinds() (kinds []kind) {
	for _, f := range s.faults {
		if f.at < 0.9 {
			kinds = append(kinds, f.kind)
		}
	}
	return kinds
}

// dice are what a schedule is made by.
type dice struct{ *rand.Rand }

func draw[T any](r *dice, of []T) T { return of[r.IntN(len(of))] }

func (r *dice) chance(percent int) bool { return r.IntN(100) < percent }

// between returns a duration in whole milliseconds.
func (r *dice) between(from, to time.Duration) time.Duration {
	return (from + time.Duration(r.Int64N(int64(to-from)))).Truncate(time.Millisecond)
}

func (r *dice) fault(k kind) fault {
	f := fault{kind: k, on: "server"}
	f.at, f.after = r.when()
	switch k {
	case killed:
		f.on = draw(r, victims)
	case frozen:
		f.on, f.lasts = draw(r, victims), r.between(time.Second, 5*time.Second)
		if r.chance(30) { // longer than its session is let alone
			f.lasts = r.between(waitFrozen+time.Second, waitFrozen+4*time.Second)
		}
		if r.chance(20) { // and two are left to do its work
			f.on, f.lasts = "worker 3", forGood
		}
	case natsKilled, natsLost, targetKilled, legacyKilled, diskFull:
		f.lasts = r.between(0, 2500*time.Millisecond)
	case leaderLost, majorityLost:
		f.lasts = r.between(time.Second, 4*time.Second)
	case clockJumps:
		f.lasts, f.shift = r.between(2*time.Second, 6*time.Second), r.jump()
	default:
		f.on = draw(r, links)
		f.link(r)
	}
	return f
}

// when is mostly in the middle of the load.
func (r *dice) when() (at float64, after time.Duration) {
	switch n := r.IntN(100); {
	case n < 15:
		return 0, r.between(0, 2*time.Second)
	case n < 85:
		return float64(1+r.IntN(97)) / 100, r.between(0, 300*time.Millisecond)
	default:
		return 1, r.between(0, time.Second)
	}
}

// jump is minutes or hours, forward or backward.
func (r *dice) jump() time.Duration {
	shift := r.between(time.Minute, 10*time.Minute)
	if r.chance(50) {
		shift = r.between(time.Hour, 30*time.Hour)
	}
	if r.chance(50) {
		shift = -shift
	}
	return shift.Truncate(time.Second)
}

func (f *fault) link(r *dice) {
	switch f.kind {
	case linkCutAfter:
		f.lasts, f.size = 2*time.Second, 1+r.Int64N(200_000)
	case linkSlow:
		f.lasts, f.shift = r.between(500*time.Millisecond, 3*time.Second), r.between(30*time.Millisecond, 400*time.Millisecond)
	case linkNarrow:
		f.lasts, f.size = r.between(500*time.Millisecond, 3*time.Second), 2_000+r.Int64N(100_000)
	case linkHeld:
		f.lasts = r.between(500*time.Millisecond, 6*time.Second)
	case linkRefused:
		f.lasts = r.between(200*time.Millisecond, 3*time.Second)
	}
}
