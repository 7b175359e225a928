package aggregator

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"rehome/pkg/ledger"
	"rehome/pkg/plan"
	"rehome/pkg/report"
	"rehome/pkg/shard"
	"rehome/pkg/throttle"
)

func TestReport(t *testing.T) {
	b := newBench(t)
	ask := func(t *testing.T) *report.Report {
		t.Helper()
		r, err := Report(t.Context(), b.Ledger, "community", "1.0.0")
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	t.Run("before anything is done all is pending", func(t *testing.T) {
		r := ask(t)
		if r.Exit() != 7 || r.Users != (report.Users{Planned: 4, Pending: 4}) || r.Shards != (report.Shards{Planned: 3, Pending: 3}) {
			t.Errorf("got %d, %+v, %+v", r.Exit(), r.Users, r.Shards)
		}
		waves := []report.Wave{{Name: "all", Users: report.WaveUsers{Planned: 4}, Gate: "open"}, {Name: "none", Gate: "passed"}}
		if diff := cmp.Diff(waves, r.Waves); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{"hash"}, r.Mapping); diff != "" || r.Rehome != "1.0.0" || r.Run != b.run {
			t.Error(r.Rehome, r.Run, diff)
		}
	})
	b.move(0, "1", "2")
	t.Run("half-way the sums are those of the receipts", func(t *testing.T) {
		r := ask(t)
		if r.Users != (report.Users{Planned: 4, Migrated: 2, Pending: 2}) || r.Shards != (report.Shards{Planned: 3, Done: 1, Pending: 2}) {
			t.Errorf("got %+v, %+v", r.Users, r.Shards)
		}
		if table := r.Tables[0]; table.Into != "app.users" || table.Planned != 4 || table.Source != 2 || table.Written != 2 || table.Unexplained != 0 {
			t.Errorf("got %+v", table)
		}
	})
	b.move(1, "3", "4")
	b.move(2)
	t.Run("without the end of the load there is no verdict", func(t *testing.T) {
		if r := ask(t); r.Exit() != 7 || r.Waves[0].Gate != "passed" {
			t.Errorf("got %d, %+v", r.Exit(), r.Waves)
		}
	})
	b.end()
	t.Run("the end makes it clean, and every list is there", func(t *testing.T) {
		r := ask(t)
		if r.Exit() != 0 || r.Verdict != report.Clean || r.Consistency != "frozen" || r.Tables[0].Closing != 4 {
			t.Errorf("got %d, %s: %v", r.Exit(), r.Verdict, r.Reasons)
		}
	})
	t.Run("a migration that there is not is not found", func(t *testing.T) {
		if _, err := Report(t.Context(), b.Ledger, "other", ""); !errors.Is(err, ledger.ErrNotFound) {
			t.Errorf("got %v", err)
		}
	})
}

func TestProgress(t *testing.T) {
	b := newBench(t)
	b.move(0, "1", "2")
	m, err := b.Load(t.Context(), "community")
	b.must(err)
	look := func() report.Progress {
		t.Helper()
		sight, err := (&Looker{Ledger: b.Ledger, Name: "community"}).Look(t.Context(), m)
		b.must(err)
		return sight.Progress()
	}
	want := report.Progress{
		Migration: "community", State: "loading", Wave: "all", Users: report.Users{Planned: 4, Migrated: 2}, Rows: 2, Moved: 10, PlannedRows: 20,
		Shards: report.Shards{Planned: 3, Done: 1, Pending: 2}, Started: m.StartedAt,
		Waves:   []report.WaveProgress{{Name: "all", Planned: 4, Tried: 2, Gate: "open"}, {Name: "none"}},
		Workers: report.Workers{Alive: 1, Slots: 1},
	}
	if diff := cmp.Diff(want, look()); diff != "" {
		t.Error(diff)
	}
	t.Run("a shard that something throws back again and again is told, with why", func(t *testing.T) {
		for range 3 {
			claim, err := b.Claim(t.Context(), b.conn, shard.ID{Migration: "community", Run: b.run, Ordinal: 1}, ledger.Claimant{Holder: b.holder})
			b.must(err)
			if p := look(); p.Setbacks != (report.Setbacks{}) {
				t.Errorf("too early: %+v", p.Setbacks)
			}
			_, err = b.Failed(t.Context(), claim, ledger.Failure{Kind: shard.Outage, Error: "XX001 data_corrupted"})
			b.must(err)
		}
		if diff := cmp.Diff(report.Setbacks{Shards: 1, Why: "XX001 data_corrupted"}, look().Setbacks); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("what the operator has set, who works and why that is slow are told", func(t *testing.T) {
		b.must(b.Pause(t.Context(), "community", "backup", true))
		b.must(b.SetLimits(t.Context(), "community", throttle.Limits{Slots: 3, Threads: 40}))
		b.must(b.SetGauge(t.Context(), "community", throttle.Gauge{Pace: 0.5, Reason: "36 of 40 threads"}))
		at, err := b.SetDeadline(t.Context(), "community", time.Hour)
		b.must(err)
		b.must(b.SetGate(t.Context(), "community", ledger.Gate{Passed: true, Overridden: true, Reasons: []string{"why"}, By: "me"}))
		b.must(b.Beat(t.Context(), ledger.Worker{Holder: uuid.New(), Migration: "community", Slots: 2, Seen: 3, Stopping: true, Slow: "rows=5000"}))
		b.must(b.Beat(t.Context(), ledger.Worker{Holder: uuid.New(), Migration: "community", Slots: 4, Seen: 3, Slow: "rows=5000"}))
		b.must(b.Beat(t.Context(), ledger.Worker{Holder: uuid.New(), Migration: "community", Slots: 8, Seen: 3, Slow: "outage"}))
		p := look()
		if c := p.Controls; p.State != "paused" || c.Paused != "backup" || !c.Rollback || c.PausedAt.IsZero() || !c.Deadline.Equal(at) || c.Left <= 59*time.Minute ||
			c.Left > time.Hour || c.Limits.Slots != 3 || c.Gauge.Pace != 0.5 {
			t.Errorf("%s: %+v", p.State, c)
		}
		workers := report.Workers{Alive: 4, Slots: 13, Stopping: 1, Behind: 1, Slow: []report.Slow{{Why: "rows=5000", Workers: 2}, {Why: "outage", Workers: 1}}}
		if diff := cmp.Diff(workers, p.Workers); diff != "" {
			t.Error(diff)
		}
		if w := p.Waves[0]; w.Gate != "passed" || !w.Override {
			t.Errorf("%+v", w)
		}
		if p.Needed < 1 { // by the one shard that was moved
			t.Errorf("needs %d slots", p.Needed)
		}
		r, err := Report(t.Context(), b.Ledger, "community", "")
		b.must(err)
		if w := r.Waves[0]; w.Gate != "passed" || !w.Override || len(w.Why) != 1 {
			t.Errorf("the report has %+v", w)
		}
	})
	t.Run("that it is halted goes before that it is paused", func(t *testing.T) {
		b.must(b.Halt(t.Context(), "community", "the schema has changed"))
		if p := look(); p.State != "halted" || p.Controls.Halted != "the schema has changed" {
			t.Errorf("%s: %+v", p.State, p.Controls)
		}
	})
}

func TestGates(t *testing.T) {
	record := &plan.Record{Waves: []plan.Wave{{Name: "a"}, {Name: "b"}, {Name: "c"}}}
	for name, tt := range map[string]struct {
		waves []ledger.Wave
		gates []ledger.Gate
		want  string
	}{
		"nobody has judged them":                       {[]ledger.Wave{{Wave: 0, Done: 1}, {Wave: 1, Planned: 1}, {Wave: 2, Planned: 1}}, nil, "open open open"},
		"as the ledger says":                           {[]ledger.Wave{{Wave: 2, Planned: 1}}, []ledger.Gate{{Wave: 0, Passed: true}, {Wave: 1}}, "passed closed open"},
		"an earlier release has gone on without gates": {[]ledger.Wave{{Wave: 0, Done: 1}, {Wave: 1, Done: 1, Planned: 1}, {Wave: 2, Planned: 1}}, nil, "passed open open"},
		"all is over":                                  {[]ledger.Wave{{Wave: 0, Done: 1}, {Wave: 1, Done: 1}, {Wave: 2, Done: 1}, {Wave: 3, Done: 1}}, nil, "passed passed passed"},
		"the last wave is over, what follows is not":   {[]ledger.Wave{{Wave: 2, Done: 1}, {Wave: 3, Planned: 1}}, nil, "passed passed passed"},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, g := range gateStates(record, tt.waves, tt.gates) {
				got = append(got, g.state)
			}
			if diff := cmp.Diff(tt.want, strings.Join(got, " ")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// collected runs Collect until the tally knows all three shards, and returns what was shown.
func collected(t *testing.T, b *bench, publish func(ctx context.Context, put func(shard.Receipt))) []report.Progress {
	t.Helper()
	conn := b.broker()
	publish(t.Context(), func(r shard.Receipt) { b.must(conn.PublishReceipt(t.Context(), r)) })
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var shown []report.Progress
	err := Collect(ctx, conn, b.Ledger, "community", func(p report.Progress) {
		if n := len(shown); n == 0 || shown[n-1].Shards.Done != p.Shards.Done { // it is also shown when no receipt has come
			shown = append(shown, p)
		}
		if p.Loaded() {
			cancel()
		}
	})
	if err != nil || errors.Is(ctx.Err(), context.DeadlineExceeded) {
		t.Fatalf("got %v after %d sums", err, len(shown))
	}
	return shown
}

func TestCollect(t *testing.T) {
	whole := func(t *testing.T, shown []report.Progress) {
		t.Helper()
		if len(shown) != 3 {
			t.Fatalf("%d sums of 3 receipts", len(shown))
		}
		for i, p := range shown {
			if p.Shards.Done != int64(i+1) || p.Shards.Planned != 3 || p.PlannedRows != 20 || p.Users.Planned != 4 {
				t.Errorf("sum %d: %+v", i, p)
			}
		}
		if last := shown[2]; last.Users.Migrated != 4 || last.Rows != 4 || !last.Loaded() {
			t.Errorf("got %+v", last)
		}
	}
	t.Run("receipts that the queue has lost are counted from the ledger", func(t *testing.T) {
		b := newBench(t)
		b.move(0, "1", "2")
		b.move(1, "3", "4")
		b.move(2)
		whole(t, collected(t, b, func(context.Context, func(shard.Receipt)) {}))
	})
	t.Run("receipts that both have are counted once", func(t *testing.T) {
		b := newBench(t)
		receipts := []shard.Receipt{b.move(0, "1", "2"), b.move(1, "3", "4"), b.move(2)}
		whole(t, collected(t, b, func(_ context.Context, put func(shard.Receipt)) {
			for _, r := range receipts {
				put(r)
			}
		}))
	})
	t.Run("a migration that there is not is not found", func(t *testing.T) {
		b := newBench(t)
		if err := Collect(t.Context(), b.broker(), b.Ledger, "other", nil); !errors.Is(err, ledger.ErrNotFound) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a queue that is closed under it is an error", func(t *testing.T) {
		b := newBench(t)
		conn := b.broker()
		conn.Close()
		if err := Collect(t.Context(), conn, b.Ledger, "community", func(report.Progress) {}); err == nil {
			t.Error("got no error: nothing is collected, and nobody knows")
		}
	})
}

func TestWatch(t *testing.T) {
	t.Run("it shows each step, and ends with the report when the verdict stands", func(t *testing.T) {
		b := newBench(t)
		steps := []func(){
			func() { b.move(0, "1", "2") }, func() { b.move(1, "3", "4") }, func() { b.move(2) },
			func() { b.end(); b.must(b.SetVerdict(t.Context(), "community", []byte(`{}`))) },
		}
		var done []int64
		r, err := Watch(t.Context(), b.Ledger, "community", "1.0.0", time.Millisecond, func(p report.Progress) {
			done = append(done, p.Shards.Done)
			if len(steps) > 0 {
				steps[0]()
				steps = steps[1:]
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]int64{0, 1, 2, 3, 3}, done); diff != "" || r.Exit() != 0 {
			t.Error(r.Verdict, r.Reasons, diff)
		}
	})
	t.Run("it ends when it is told to, and says so", func(t *testing.T) {
		b := newBench(t)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		_, err := Watch(ctx, b.Ledger, "community", "", time.Hour, func(report.Progress) { cancel() })
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}
