package report

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"rehome/pkg/throttle"
)

// busy is a run in the middle of a night, with much to be told.
func busy() Progress {
	p := progress(623_450, 1_000_000, 312, 400)
	p.Wave, p.Working, p.Shards.Dead = "regulars", 15, 1
	p.Users = Users{Planned: 100_000, Migrated: 62_333, Quarantined: 12}
	p.Waves = []WaveProgress{
		{Name: "casual", Planned: 10_000, Tried: 10_000, Quarantined: 12, Gate: GatePassed},
		{Name: "odd", Planned: 20, Tried: 20, Gate: GatePassed, Override: true},
		{Name: "regulars", Planned: 80_000, Tried: 52_325, Gate: GateOpen},
		{Name: "rest", Planned: 9_980},
	}
	p.Controls = Controls{
		Limits: throttle.Limits{Slots: 16, Threads: 40}, Gauge: throttle.Gauge{Pace: 0.62, Reason: "36 of 40 threads running in the legacy server"},
		Deadline: time.Date(2026, 11, 23, 5, 0, 0, 0, time.UTC), Left: 2*time.Hour + 10*time.Minute,
	}
	p.Workers = Workers{Alive: 8, Slots: 16, Busy: 15, Stopping: 1, Behind: 2, Slow: []Slow{{"rows=5000", 5}, {"an outage\nof NATS", 1}}}
	p.Needed, p.Setbacks = 12, Setbacks{Shards: 2, Why: "could not extend file\n(53100)"}
	return p
}

// shownAt returns the block of lines about the progress, after ten seconds at 2,000 rows per second.
func shownAt(p Progress) string {
	var m Meter
	for s := range 10 {
		before := p
		before.Moved -= 2000 * int64(10-s)
		m.Add(before, begun.Add(time.Duration(s)*time.Second))
	}
	m.Add(p, begun.Add(10*time.Second))
	return joined(m.Block(p, 80, 40))
}

func joined(lines []Line) string {
	var texts []string
	for _, line := range lines {
		texts = append(texts, line.Text)
	}
	return strings.Join(texts, "\n")
}

func TestLines(t *testing.T) {
	t.Run("an operator sees how far it is, who works, what is set and what waits for somebody", func(t *testing.T) {
		want := `community loading wave regulars
  rows     [##############..........]  62.3%  623,450 of 1,000,000
  users    [##############..........]  62.3%  62,345 of 100,000, 12 quarantined
  shards   312 of 400 done, 15 in work
  rate     2,000 rows/s, about 3m08s left
  so far   unclean: 12 users are quarantined, 1 shard is dead; aggregator report
           tells the causes
  wave     casual: 10,000 of 10,000 users, 12 quarantined, gate passed
  wave     odd: 20 of 20 users, gate passed all the same, as told
  wave     regulars: 52,325 of 80,000 users, gate open
  wave     rest: 0 of 9,980 users
  workers  8, 15 of 16 slots busy, 1 stopping, 2 have not seen the newest
           controls
  slow     5 workers: rows=5000
  slow     1 worker: an outage of NATS
  pace     at 62 %: 36 of 40 threads running in the legacy server
  limits   slots=16 threads=40
  until    2026-11-23 05:00:00 UTC, 2h10m left; needs 12 slots, 15 are at work
  again    2 shards fail again and again: could not extend file (53100)
  dead     1 shard is dead: producer dead list tells why`
		if diff := cmp.Diff(want, shownAt(busy())); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("a pause, a gate that is closed and a halt are told with what to do", func(t *testing.T) {
		p := busy()
		p.State, p.Waves = "paused", []WaveProgress{{Name: "casual", Planned: 10, Tried: 10, Quarantined: 2, Gate: GateClosed}, {Name: "regulars", Planned: 5}}
		p.Controls = Controls{
			Paused: "backup\x1b[2J\nof the replica", PausedAt: begun, Rollback: true, Halted: "the schema has changed", Until: "06:00 Europe/Berlin",
			Deadline: begun, Left: -time.Second,
		}
		p.Workers, p.Needed, p.Setbacks = Workers{}, 0, Setbacks{}
		want := `community paused wave regulars
  rows     [##############..........]  62.3%  623,450 of 1,000,000
  users    [##############..........]  62.3%  62,345 of 100,000, 12 quarantined
  shards   312 of 400 done, 15 in work
  so far   unclean: 12 users are quarantined, 1 shard is dead; aggregator report
           tells the causes
  wave     casual: 10 of 10 users, 2 quarantined, gate closed
  wave     regulars: 0 of 5 users
  workers  none is alive
  until    06:00 Europe/Berlin, which is over
  dead     1 shard is dead: producer dead list tells why
  paused   since ` + clockTime(begun) + `, shards in work were rolled back:
           backup` + "\x1b[2J" + ` of the replica; producer resume goes on
  halted   the schema has changed`
		if diff := cmp.Diff(want, shownAt(p)); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("the end of the load says what it is at", func(t *testing.T) {
		p := busy()
		p.State, p.Step, p.Shards.Dead, p.Setbacks = "settling", "closing counts", 0, Setbacks{}
		want := `community settling  closing counts
  pace    at 62 %: 36 of 40 threads running in the legacy server
  limits  slots=16 threads=40
  until   2026-11-23 05:00:00 UTC, 2h10m left`
		if diff := cmp.Diff(want, shownAt(p)); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("waves that are over leave the stage to those that are not", func(t *testing.T) {
		p := busy()
		p.Waves = nil
		for range 20 {
			p.Waves = append(p.Waves, WaveProgress{Name: "over", Planned: 1, Tried: 1, Gate: GatePassed})
		}
		p.Waves[3].Override = true
		if got := strings.Count(shownAt(p), "  wave  "); got != mostWaves+1 {
			t.Errorf("%d waves are shown", got)
		}
	})
	t.Run("before it can be told, nobody guesses how many slots it needs", func(t *testing.T) {
		p := busy()
		p.Needed = 0
		if !strings.Contains(strings.Join(strings.Fields(shownAt(p)), " "), "2h10m left; how many slots that needs is not known yet") {
			t.Error(shownAt(p))
		}
	})
}

func TestBlockFits(t *testing.T) {
	t.Run("whatever room there is, no line is too wide, none too many, and what has to be done stays longest", rapid.MakeCheck(func(t *rapid.T) {
		width, height := rapid.IntRange(20, 130).Draw(t, "width"), rapid.IntRange(2, 45).Draw(t, "height")
		p := busy()
		p.Controls.Halted = "the schema has changed"
		lines := new(Meter).Block(p, width, height)
		if len(lines) > height || lines[0].Text != "community loading wave regulars" {
			t.Fatalf("%d lines of %d:\n%s", len(lines), height, joined(lines))
		}
		if height > 1 && !strings.Contains(joined(lines), "  halted") || height > 2 && !strings.Contains(joined(lines), "  rows") {
			t.Fatalf("what matters most is missing:\n%s", joined(lines))
		}
		for _, line := range lines {
			if line.Label > len(line.Text) {
				t.Fatalf("%+v", line)
			}
		}
	}))
	t.Run("a bar is full when all is done, and not before", func(t *testing.T) {
		p := progress(999_999, 1_000_000, 8, 9)
		if got := joined(new(Meter).Block(p, 80, 24)); !strings.Contains(got, "[#######################.]  99.9%") {
			t.Error(got)
		}
		p.Shards.Done = 9
		if got := joined(new(Meter).Block(p, 80, 24)); !strings.Contains(got, "[########################] 100.0%") {
			t.Error(got)
		}
	})
	t.Run("before it is known, nobody guesses", func(t *testing.T) {
		if got := joined(new(Meter).Block(progress(0, 100, 0, 9), 80, 24)); !strings.Contains(got, "rate     nothing moves, how long it takes is not known yet") {
			t.Error(got)
		}
	})
}

func TestWrap(t *testing.T) {
	t.Run("no word is lost, and no line is wider but for a word that is", rapid.MakeCheck(func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(rapid.StringMatching(`[a-zü]{1,12}`), 1, 20).Draw(t, "words"), " ")
		width := rapid.IntRange(-3, 30).Draw(t, "width")
		lines := wrap(text, width)
		if strings.Join(lines, " ") != text {
			t.Fatalf("%q", lines)
		}
		for _, line := range lines {
			if strings.Contains(line, " ") && len([]rune(line)) > width {
				t.Fatalf("%q is wider than %d", line, width)
			}
		}
	}))
}

func TestNotes(t *testing.T) {
	before := busy()
	for name, tt := range map[string]struct {
		change func(*Progress)
		news   string // a part of the note that is new; empty where there is none
	}{
		"time, work and workers are no news": {func(p *Progress) {
			p.Controls.Left, p.Working, p.Workers, p.Needed, p.Waves[2].Tried = time.Minute, 0, Workers{}, 7, 60_000
			p.Controls.Gauge.Pace = 0.3
		}, ""},
		"a limit is":                  {func(p *Progress) { p.Controls.Limits.Rows = 9 }, "limits: rows=9"},
		"a gate that closes is":       {func(p *Progress) { p.Waves[2].Gate = GateClosed }, "wave regulars: gate closed"},
		"a setback is":                {func(p *Progress) { p.Setbacks.Why = "no space" }, "again: 2 shards fail again and again: no space"},
		"another dead shard is":       {func(p *Progress) { p.Shards.Dead++ }, "dead: 2 shards are dead"},
		"a pause is":                  {func(p *Progress) { p.Controls.Paused = "backup" }, "paused: since"},
		"another deadline is":         {func(p *Progress) { p.Controls.Deadline = begun }, "until: "},
		"that something is halted is": {func(p *Progress) { p.Controls.Halted = "why" }, "halted: why"},
	} {
		t.Run(name, func(t *testing.T) {
			p := busy()
			tt.change(&p)
			now := slices.DeleteFunc(p.Notes(), func(n string) bool { return slices.Contains(before.Notes(), n) })
			if tt.news == "" && len(now) > 0 || tt.news != "" && (len(now) != 1 || !strings.HasPrefix(now[0], tt.news)) {
				t.Errorf("news are %q, want %q", now, tt.news)
			}
		})
	}
}

func TestNeeded(t *testing.T) {
	t.Run("twelve slots", func(t *testing.T) {
		// 1,000 rows in 10 s are 100 per second and slot; 1.2 million rows in 1,000 s are 1,200 per second.
		if got := Needed(1_200_000, 1000, 10*time.Second, 1000*time.Second); got != 12 {
			t.Errorf("needs %d slots", got)
		}
	})
	t.Run("as many slots move the rows in time, and one less does not", rapid.MakeCheck(func(t *rapid.T) {
		rows, measured := rapid.Int64Range(1, 1e9).Draw(t, "rows"), rapid.Int64Range(1, 1e6).Draw(t, "measured")
		took := time.Duration(rapid.Int64Range(int64(time.Millisecond), int64(time.Hour)).Draw(t, "took"))
		left := time.Duration(rapid.Int64Range(int64(time.Second), int64(12*time.Hour)).Draw(t, "left"))
		n := float64(Needed(rows, measured, took, left))
		takes := float64(rows) * took.Seconds() / float64(measured) // one slot
		if n < 1<<31-1 && takes/n > left.Seconds()*1.0001 || n > 1 && takes/(n-1) < left.Seconds()*0.9999 {
			t.Fatalf("%v slots for what takes one %vs, in %vs", n, takes, left.Seconds())
		}
	}))
	t.Run("more rows or less time never need fewer slots", rapid.MakeCheck(func(t *rapid.T) {
		rows, left := rapid.Int64Range(1, 1e12), rapid.Int64Range(1, 1e15)
		r, l := rows.Draw(t, "rows"), left.Draw(t, "left")
		n := Needed(r, 100, time.Second, time.Duration(l))
		if more := Needed(r+rows.Draw(t, "more"), 100, time.Second, time.Duration(l)); more < n {
			t.Fatalf("%d, and %d for more", n, more)
		}
		if less := Needed(r, 100, time.Second, time.Duration(max(1, l-left.Draw(t, "less")))); less < n {
			t.Fatalf("%d, and %d in less time", n, less)
		}
	}))
	t.Run("what cannot be told is 0", func(t *testing.T) {
		for _, got := range []int{
			Needed(0, 1, 1, 1), Needed(-5, 1, 1, 1), Needed(1, 0, 1, 1), Needed(1, 1, 0, 1), Needed(1, 1, 1, 0), Needed(1, 1, 1, -1),
		} {
			if got != 0 {
				t.Errorf("got %d", got)
			}
		}
	})
}
