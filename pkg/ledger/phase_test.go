package ledger

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rehome/pkg/shard"
)

// worked makes shards done that took the seconds from began to ended, with so many rows written.
func (b *bench) worked(kind string, wave, began, ended, written int) {
	b.t.Helper()
	b.exec(`
		INSERT INTO rehome.shard (migration, ordinal, generation, kind, wave, entry, cell_first, cell_limit, users, weight, parent, state, mapping_hash,
		                          receipt, xid, written, claimed_at, done_at)
		SELECT 'm', 100 + count(*), 0, $1, $2, -1, 0, 0, 0, 0, -1, 'done', 'hash', '{"timing": {"read_ms": 1, "convert_ms": 2, "copy_ms": 3, "read_back_ms": 4, "close_ms": 5, "bytes": 6, "tables": [{"entry": 0, "ms": 2, "bytes": 3}, {"entry": 2, "ms": 1, "bytes": 0}]}}',
		       pg_current_xact_id(), $5, '2026-03-01 22:00 UTC'::timestamptz + $3 * interval '1 second', '2026-03-01 22:00 UTC'::timestamptz + $4 * interval '1 second'
		  FROM rehome.shard`, kind, wave, began, ended, written)
}

func TestPhases(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.plan("m")
	t.Run("steps of one phase are added up, in the order of what was first, and the time of several at once counts once", func(t *testing.T) {
		for _, step := range []struct {
			phase string
			took  time.Duration
			ended int // seconds
		}{{"plan", time.Second, 1}, {"constraints", 2 * time.Second, 10}, {"indexes", time.Minute, 100}, {"constraints", 3 * time.Second, 20},
			{"constraints", 5 * time.Second, 21}} {
			if err := b.NotePhase(t.Context(), "m", step.phase, "a step", step.took); err != nil {
				t.Fatal(err)
			}
			b.exec(`UPDATE rehome.event SET at = '2026-03-01 22:00 UTC'::timestamptz + $1 * interval '1 second' WHERE what = 'phase' AND id = (SELECT max(id) FROM rehome.event)`,
				step.ended)
		}
		got, err := b.Phases(t.Context(), "m")
		want := []Phase{{"plan", 1, time.Second, time.Second}, {"constraints", 3, 7 * time.Second, 10 * time.Second}, {"indexes", 1, time.Minute, time.Minute}}
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Error(err, diff)
		}
	})
	t.Run("the last start tells who and which versions", func(t *testing.T) {
		if got, err := b.LastBegun(t.Context(), "m"); got != nil || err != nil {
			t.Fatal(got, err)
		}
		for _, version := range []string{"v1", "v2"} {
			if err := b.NoteBegun(t.Context(), "m", Begun{By: "somebody@here", Rehome: version, Legacy: "MariaDB 10.11.19"}); err != nil {
				t.Fatal(err)
			}
		}
		got, err := b.LastBegun(t.Context(), "m")
		if err != nil || got == nil || got.Rehome != "v2" || got.By != "somebody@here" || got.Legacy != "MariaDB 10.11.19" || len(got.Target) < len("PostgreSQL 13") || got.At.IsZero() {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

func TestWaveTimes(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.plan("m")
	b.worked("users", 0, 0, 10, 100)
	b.worked("users", 0, 5, 8, 100)
	b.worked("users", 0, 9, 12, 100)
	b.worked("users", 0, 100, 110, 100) // after a night
	b.worked("users", 1, 110, 111, 7)
	b.worked("redo", 2, 200, 204, 1)
	b.worked("settle", 2, 300, 301, 0)
	b.worked("audit", 2, 400, 401, 0)
	t.Run("time with nobody at work does not count, and that of several at once counts once", func(t *testing.T) {
		got, err := b.WaveTimes(t.Context(), "m")
		want := []WaveTime{
			{Wave: 0, Shards: 4, Written: 400, Wall: 22 * time.Second, Slots: 26 * time.Second}, {Wave: 1, Shards: 1, Written: 7, Wall: time.Second, Slots: time.Second},
			{Wave: 2, Redo: true, Shards: 1, Written: 1, Wall: 4 * time.Second, Slots: 4 * time.Second},
		}
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Error(err, diff)
		}
	})
	t.Run("and so is what each entry has taken", func(t *testing.T) {
		got, err := b.TableTimes(t.Context(), "m")
		want := []shard.TableTiming{{Entry: 0, Millis: 14, Bytes: 21}, {Entry: 2, Millis: 7}}
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Error(err, diff)
		}
	})
	t.Run("what shards have measured is added up", func(t *testing.T) {
		got, measured, err := b.Timing(t.Context(), "m")
		if want := (shard.Timing{Read: 7, Convert: 14, Copy: 21, ReadBack: 28, Close: 35, Bytes: 42}); err != nil || measured != 7 || !cmp.Equal(got, want) {
			t.Errorf("%+v of %d, %v", got, measured, err)
		}
	})
}

func TestThroughput(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.plan("m")
	t.Run("before a shard is done there is none", func(t *testing.T) {
		if got, err := b.Throughput(t.Context(), "m", 10); err != nil || len(got.Buckets) != 0 {
			t.Errorf("%+v, %v", got, err)
		}
	})
	b.worked("users", 0, 0, 10, 100)
	b.worked("users", 0, 5, 15, 200)
	b.worked("users", 0, 15, 15, 30) // in no time
	b.worked("users", 0, 90, 100, 50)
	b.worked("audit", 2, 400, 401, 0)
	got, err := b.Throughput(t.Context(), "m", 20)
	if err != nil || len(got.Buckets) != 20 || got.Bucket != 5*time.Second || !got.From.Equal(time.Date(2026, 3, 1, 22, 0, 0, 0, time.UTC)) {
		t.Fatalf("%+v, %v", got, err)
	}
	t.Run("a shard's rows are spread over its time", func(t *testing.T) {
		for n, want := range map[int]Bucket{0: {10, 1}, 1: {30, 2}, 2: {20, 1}, 3: {6, 0}, 4: {}, 17: {}, 18: {5, 1}, 19: {5, 1}} {
			if b := got.Buckets[n]; math.Abs(b.Rows-want.Rows) > 0.01 || math.Abs(b.Busy-want.Busy) > 0.01 {
				t.Errorf("bucket %d: %+v, want %+v", n, b, want)
			}
		}
	})
	t.Run("no row is lost between the buckets", func(t *testing.T) {
		var rows float64
		for _, b := range got.Buckets {
			rows += b.Rows * got.Bucket.Seconds()
		}
		if math.Abs(rows-380) > 0.01 {
			t.Errorf("%v rows", rows)
		}
	})
}
