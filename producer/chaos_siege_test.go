package main_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"rehome/pkg/queue"
	"rehome/pkg/sandbox"
	"rehome/pkg/sandbox/community"
	"rehome/pkg/sandbox/programs"
)

// Timing of a siege. What the programs wait for is shortened, so that it happens within the seconds that a siege takes.
const (
	siegeLimit   = 4 * time.Minute
	siegeTick    = 20 * time.Millisecond
	siegeLatency = 2 * time.Millisecond // on each way of each link, so that faults meet work in progress
	waitFrozen   = 4 * time.Second
)

var siegeWaits = []string{"REHOME_WAIT_LEASE=3s", "REHOME_WAIT_FROZEN=" + waitFrozen.String(), "REHOME_WAIT_BEAT=1s", "REHOME_WAIT_RECONCILE=3s",
	"REHOME_WAIT_AWAIT=250ms"}

// A siege is one migration by three workers, an aggregator and a producer that are started again when they die, on servers and links
// on which the faults of a schedule strike.
type siege struct {
	*scene
	schedule
	estate  *estate
	nats    []*sandbox.NATSServer
	small   *sandbox.Disk // under NATS; nil where there is none
	links   map[string][]*sandbox.Proxy
	staff   []*member
	began   time.Time
	looked  time.Time
	share   float64               // of the shards that are done
	reached map[float64]time.Time // when a share was
	busy    map[string]bool       // what a fault is at work on
	strikes []*strike
	lost    bool // NATS has lost its store
}

// A member is a program that a service manager looks after.
type member struct {
	name, program string
	args          []string
	now           *programs.Process
	starts        int
	due           time.Time // for the next start, once it has ended
}

// A strike is a fault on its way.
type strike struct {
	fault
	undo   func() // nil before it has struck, and when it is over
	began  time.Time
	struck bool
}

func newSiege(t *testing.T, g *ground, e *estate, plan schedule) *siege {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), siegeLimit)
	t.Cleanup(cancel)
	own := *g
	own.legacy = e.legacy
	s := &siege{schedule: plan, estate: e, links: map[string][]*sandbox.Proxy{}, reached: map[float64]time.Time{}, busy: map[string]bool{},
		scene: &scene{T: t, ground: &own, ctx: ctx, dir: programs.NewDir(t), target: e.database(t), names: map[*programs.Process]string{}}}
	s.connect()
	s.exec(community.Schema())
	s.dir.Write(t, "migration.yaml", g.mapping)
	urls := s.startNATS()
	s.env = append([]string{"LEGACY_DSN=" + s.over("legacy", e.legacy), "TARGET_DSN=" + s.over("target", s.target),
		"NATS_URL=" + strings.Join(urls, ","), "REHOME_SLOTS=2"}, siegeWaits...)
	if s.terrain == cluster {
		s.env = append(s.env, "NATS_REPLICAS=3")
	}
	for _, f := range plan.faults {
		s.strikes = append(s.strikes, &strike{fault: f})
	}
	s.Cleanup(s.endAll)
	s.Cleanup(s.witness)
	s.staff = []*member{{name: "producer", program: programs.Producer, args: []string{"run", "--format", "json"}},
		{name: "worker 1", program: programs.Worker}, {name: "worker 2", program: programs.Worker}, {name: "worker 3", program: programs.Worker},
		{name: "aggregator", program: programs.Aggregator}}
	return s
}

// connect opens a way of the test's own to the target, on which no fault strikes but the server's.
func (s *siege) connect() {
	s.Helper()
	var err error
	if s.conn, err = pgx.Connect(s.ctx, s.target); err != nil {
		s.Fatal(err)
	}
	conn := s.conn
	s.Cleanup(func() { conn.Close(context.WithoutCancel(s.ctx)) })
}

// over opens a link to the server of the URL.
func (s *siege) over(link, where string) string {
	s.Helper()
	p, over := sandbox.ProxyTo(s.T, where)
	p.SetLatency(siegeLatency)
	s.links[link] = append(s.links[link], p)
	return over
}

func (s *siege) startNATS() (urls []string) {
	s.Helper()
	switch s.terrain {
	case cluster:
		s.nats = sandbox.Cluster(s.T, 3).Servers
	case disk:
		if os.Geteuid() != 0 { // nobody else may mount
			s.nats = []*sandbox.NATSServer{sandbox.NATS(s.T)}
			break
		}
		s.small = sandbox.SmallDisk(s.T, 24<<20)
		s.nats = []*sandbox.NATSServer{sandbox.NATSWith(s.T, sandbox.NATSOptions{Store: s.small.Dir(s.T), MaxStore: 8 << 30})}
	default:
		s.nats = []*sandbox.NATSServer{sandbox.NATS(s.T)}
	}
	for _, n := range s.nats {
		urls = append(urls, s.over("nats", n.URL()))
	}
	return urls
}

// run besieges the migration until its producer has ended, and returns its last process.
func (s *siege) run() *programs.Process {
	s.Helper()
	s.began = time.Now()
	for _, m := range s.staff {
		s.engage(m)
	}
	tick := time.NewTicker(siegeTick)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-s.ctx.Done():
			s.Fatalf("the siege does not end: %v\n%s", context.Cause(s.ctx), s.state())
		}
		s.look()
		for _, k := range s.strikes {
			s.step(k)
		}
		if p := s.supervise(); p != nil {
			s.heal()
			return p
		}
	}
}

func (s *siege) engage(m *member) {
	s.Helper()
	m.starts++
	m.due = time.Time{}
	m.now = s.start(m.program, "", m.args...)
}

// supervise starts again who has died, and returns the producer when it has come to a verdict.
func (s *siege) supervise() *programs.Process {
	s.Helper()
	for _, m := range s.staff {
		select {
		case <-m.now.Done():
		default:
			continue
		}
		exit := m.now.Wait(s.ctx)
		if m.program == programs.Producer && (exit == s.exit || !s.restarts(exit, m.now)) {
			return m.now
		}
		if m.due.IsZero() {
			m.due = time.Now().Add(100 * time.Millisecond)
		} else if time.Now().After(m.due) {
			s.engage(m)
		}
	}
	return nil
}

// restarts tells whether a service manager would start the producer again.
func (s *siege) restarts(exit int, p *programs.Process) bool {
	switch exit {
	case -1, 1, 7:
		return true
	case 6: // its predecessor's session may not have ended yet
		return strings.Contains(p.Stderr(), "another run of migration")
	}
	return false
}

// look finds out how much is done, where the target tells.
func (s *siege) look() {
	if time.Since(s.looked) < 100*time.Millisecond {
		return
	}
	s.looked = time.Now()
	ctx, cancel := context.WithTimeout(s.ctx, time.Second)
	defer cancel()
	if s.conn.IsClosed() {
		conn, err := pgx.Connect(ctx, s.target)
		if err != nil {
			return
		}
		s.conn = conn
		s.Cleanup(func() { conn.Close(context.WithoutCancel(s.ctx)) })
	}
	var done, left int
	err := s.conn.QueryRow(ctx, `SELECT count(*) FILTER (WHERE state <> 'planned'), count(*) FILTER (WHERE state = 'planned') FROM rehome.shard WHERE kind <> 'settle'`).
		Scan(&done, &left)
	if err == nil && done > 0 {
		s.share = max(s.share, float64(done)/float64(done+left))
	}
}

// step lets a fault strike when its time has come, and ends it when it has lasted long enough.
func (s *siege) step(k *strike) {
	switch {
	case k.undo != nil && time.Since(k.began) >= k.lasts:
		s.end(k)
	case k.struck || s.share < k.at:
	case s.reached[k.at].IsZero():
		s.reached[k.at] = time.Now()
	case time.Since(s.reached[k.at]) >= k.after && !s.busy[s.resource(k.fault)]:
		k.began, k.struck, s.busy[s.resource(k.fault)] = time.Now(), true, true
		s.note(k.fault.String())
		k.undo = s.strike(k.fault)
	}
}

func (s *siege) end(k *strike) {
	s.note(fmt.Sprintf("over: %s (%s)", k.kind, k.on))
	undo := k.undo
	k.undo = nil
	undo()
	s.busy[s.resource(k.fault)] = false
}

// note writes down what happens, when, and how much was done by then.
func (s *siege) note(what string) {
	s.Logf("seed %d: %6.2fs %3.0f%%  %s", s.seed, time.Since(s.began).Seconds(), 100*s.share, what)
}

// resource is what one fault at a time is at work on.
func (s *siege) resource(f fault) string {
	switch f.kind {
	case killed, frozen:
		return f.on
	case linkCut, linkCutAfter, linkSlow, linkNarrow, linkHeld, linkRefused:
		return "link " + f.on
	case clockJumps:
		return "clock"
	case targetKilled, legacyKilled:
		return string(f.kind)
	}
	return "NATS"
}

// endAll ends all faults.
func (s *siege) endAll() {
	for _, k := range s.strikes {
		if k.undo != nil {
			s.end(k)
		}
	}
}

// heal ends all faults, and has everybody at work.
func (s *siege) heal() {
	s.Helper()
	s.endAll()
	for _, m := range s.staff {
		if m.program != programs.Producer {
			select {
			case <-m.now.Done():
				s.engage(m)
			default:
			}
		}
	}
	s.connect()
}

// ends waits for the end of what the programs have still to do, has them stop, and compares all there is.
func (s *siege) ends(run *programs.Process) {
	s.Helper()
	if got := run.Wait(s.ctx); got != s.exit {
		s.Errorf("the run ends with %d, want %d\n%s", got, s.exit, run.Stdout())
	}
	s.open()
	s.until("an empty queue", func() bool { b, err := s.backlogged(); return err == nil && b == queue.Backlog{} })
	if !s.lost {
		s.until("the receipts of all shards", func() bool {
			found, err := s.queue.Receipted(s.ctx, "community", s.runID())
			return err == nil && int64(len(found)) >= s.count(doneShards) // a cluster that has just come back may not answer yet
		})
	}
	s.countsAll(s.staff[len(s.staff)-1].now)
	workers := s.staff[1 : len(s.staff)-1]
	for _, m := range workers {
		m.now.Terminate()
	}
	for _, m := range workers {
		if exit := m.now.Wait(s.ctx); exit != 0 {
			s.Errorf("%s was asked to stop, and ends with %d", m.name, exit)
		}
	}
	s.until("the end of all sessions", func() bool {
		return s.count(`SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'rehome/%'`) == 0
	})
	s.compare(run)
}

// open connects to a NATS that is well again.
func (s *siege) open() {
	s.Helper()
	s.until("NATS", func() bool {
		conn, err := queue.Connect(s.ctx, queue.Options{URL: s.nats[0].URL(), Name: "test"})
		s.queue = conn
		return err == nil
	})
	s.Cleanup(s.queue.Close)
}

// backlogged is the backlog; streams that were lost hold nothing.
func (s *siege) backlogged() (queue.Backlog, error) {
	b, err := s.queue.Backlog(s.ctx, "community")
	if s.lost && queue.Undeclared(err) {
		return queue.Backlog{}, nil
	}
	return b, err
}

func (s *siege) compare(run *programs.Process) {
	s.Helper()
	s.invariants()
	s.holds("shards without a receipt", 0, `SELECT count(*) FROM rehome.shard WHERE receipt IS NULL`)
	s.holds("shards that an outage has cost an attempt", 0, `SELECT count(*) FROM rehome.shard WHERE failures > 0`)
	got := s.outcome(run)
	if diff := differences(s.want, got); diff != "" {
		s.Errorf("the outcome is not that of an undisturbed run (-want +got):\n%s", diff)
	}
}

// witness shows what the servers have to say of a siege that has failed; the programs' words are shown by themselves.
func (s *siege) witness() {
	if !s.Failed() {
		return
	}
	s.Logf("%s\n%s", s.schedule, s.state())
	dirs := []string{s.estate.Legacy.Dir(), s.estate.Target.Dir()}
	for _, n := range s.nats {
		dirs = append(dirs, n.Dir())
	}
	for _, dir := range dirs {
		text, err := os.ReadFile(filepath.Join(dir, "log"))
		if cut := len(text) - 8<<10; cut > 0 {
			text = text[cut:]
		}
		s.Logf("log of the server in %s (%v):\n%s", dir, err, text)
	}
}

// state is what is known of a siege that hangs.
func (s *siege) state() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%.0f%% done", 100*s.share)
	for _, m := range s.staff {
		fmt.Fprintf(&b, "; %s was started %d times", m.name, m.starts)
	}
	return b.String()
}
