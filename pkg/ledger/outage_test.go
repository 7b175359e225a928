package ledger

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rehome/pkg/shard"
)

// traced claims for an attempt in a trace.
func (b *bench) traced(id shard.ID, traceparent string) Claim {
	b.t.Helper()
	claim, err := b.Claim(b.t.Context(), b.connect(), id, Claimant{Holder: b.holder, Traceparent: traceparent})
	if err != nil || claim.Answer != Claimed {
		b.t.Fatalf("got %s, %v", claim.Answer, err)
	}
	return claim
}

func (b *bench) fails(claim Claim, f Failure) *shard.DeadLetter {
	b.t.Helper()
	letter, err := b.Failed(b.t.Context(), claim, f)
	b.must(err)
	return letter
}

func TestOutagesOfAShard(t *testing.T) {
	b := newBench(t)
	m := b.plan("m")
	setBacks := func() Setbacks {
		t.Helper()
		s, err := b.Setbacks(t.Context(), "m")
		b.must(err)
		return s
	}
	outage := func(ordinal int, why string) {
		t.Helper()
		b.fails(b.claim(b.connect(), id(m, ordinal), Claimed), Failure{Kind: shard.Outage, Error: why})
	}
	t.Run("each is kept with its text, and one that was only given back is none", func(t *testing.T) {
		outage(0, "the network was away")
		outage(0, "")
		outage(0, "XX000 internal_error")
		got := query[[]string](b, `SELECT ARRAY[outages::text, outage, failures::text] FROM rehome.shard WHERE ordinal = 0 AND outage_at IS NOT NULL`)
		if diff := cmp.Diff([]string{"2", "XX000 internal_error", "0"}, got); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("who is thrown back three times is told, with the newest reason", func(t *testing.T) {
		if got := setBacks(); got != (Setbacks{}) {
			t.Errorf("after two: %+v", got)
		}
		outage(0, "XX000 internal_error")
		for range 3 {
			outage(1, "XX001 data_corrupted")
		}
		if diff := cmp.Diff(Setbacks{Shards: 2, Why: "XX001 data_corrupted"}, setBacks()); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("what is done is not, and keeps its history", func(t *testing.T) {
		b.move(b.connect(), id(m, 1), []string{"3"})
		if diff := cmp.Diff(Setbacks{Shards: 1, Why: "XX000 internal_error"}, setBacks()); diff != "" {
			t.Error(diff)
		}
		if n := query[int](b, `SELECT outages FROM rehome.shard WHERE ordinal = 1`); n != 3 {
			t.Errorf("it has %d outages", n)
		}
	})
	t.Run("what is long ago is not either", func(t *testing.T) {
		b.exec(`UPDATE rehome.shard SET outage_at = outage_at - interval '11 minutes'`)
		if got := setBacks(); got != (Setbacks{}) {
			t.Errorf("got %+v", got)
		}
	})
}

func TestAnAttemptThatIsGone(t *testing.T) {
	b := newBench(t)
	m := b.plan("m")
	b.beat()
	first := b.traced(id(m, 0), firstTrace)
	if first.Gone != nil {
		t.Errorf("before the first attempt %+v was gone", first.Gone)
	}
	if claim := b.traced(id(m, 0), secondTrace); claim.Gone != nil {
		t.Errorf("of a worker that is alive %+v is gone", claim.Gone)
	}
	b.age()
	claim := b.traced(id(m, 0), secondTrace)
	if claim.Gone == nil || claim.Gone.Host != "here" || claim.Gone.Ago <= 0 || claim.Gone.Ago > time.Minute {
		t.Errorf("of a worker that is gone %+v is gone", claim.Gone)
	}
	b.fails(claim, Failure{Kind: shard.Outage})
	if claim := b.traced(id(m, 0), secondTrace); claim.Gone != nil {
		t.Errorf("of an attempt that was given up %+v is gone", claim.Gone)
	}
}

const (
	firstTrace  = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	secondTrace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b8-01"
)

func TestTracesOfAShard(t *testing.T) {
	b := newBench(t)
	m := b.plan("m")
	traceOf := func(ordinal int) shard.Trace {
		t.Helper()
		tasks, err := b.Next(t.Context(), "m", 9)
		b.must(err)
		for _, task := range tasks {
			if task.Ordinal == ordinal {
				return task.Trace
			}
		}
		t.Fatalf("shard %d is not planned", ordinal)
		return shard.Trace{}
	}
	t.Run("one that nobody has tried is in none", func(t *testing.T) {
		if got := traceOf(0); got != (shard.Trace{}) {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("an attempt's stands with the shard from its claim on, and the next one is told", func(t *testing.T) {
		if claim := b.traced(id(m, 0), firstTrace); claim.Before != "" {
			t.Errorf("before the first attempt there was %q", claim.Before)
		}
		if got := query[string](b, `SELECT trace_id FROM rehome.shard WHERE ordinal = 0`); got != "4bf92f3577b34da6a3ce929d0e0e4736" {
			t.Errorf("trace id %q", got)
		}
		if got := traceOf(0); got != (shard.Trace{Parent: firstTrace}) {
			t.Errorf("it is published again in %+v", got)
		}
		if claim := b.traced(id(m, 0), secondTrace); claim.Before != firstTrace {
			t.Errorf("before the second attempt there was %q", claim.Before)
		}
		if claim := b.traced(id(m, 0), ""); claim.Before != secondTrace || traceOf(0).Parent != secondTrace {
			t.Errorf("an attempt that nobody traces has taken the last one's place: %q, %+v", claim.Before, traceOf(0))
		}
	})
	t.Run("another life begins a trace that is linked to the dead one's", func(t *testing.T) {
		dead := b.fails(b.traced(id(m, 0), secondTrace), Failure{Kind: shard.Data, TraceID: "4bf92f3577b34da6a3ce929d0e0e4736", Limit: 1})
		if dead.TraceID != "4bf92f3577b34da6a3ce929d0e0e4736" {
			t.Errorf("the letter names trace %q", dead.TraceID)
		}
		revived, err := b.Republish(t.Context(), id(m, 0), "test")
		b.must(err)
		want := shard.Trace{Link: secondTrace}
		if revived.Task.Trace != want || traceOf(0) != want {
			t.Errorf("got %+v and %+v, want %+v", revived.Task.Trace, traceOf(0), want)
		}
	})
	t.Run("the parts of a shard that was split are linked to the attempt that split it", func(t *testing.T) {
		claim := b.traced(id(m, 1), firstTrace)
		children, err := b.Split(t.Context(), claim, keys("3")[0])
		b.must(err)
		for _, child := range children {
			if got := traceOf(child.Ordinal); got != (shard.Trace{Link: firstTrace}) {
				t.Errorf("shard %d: %+v", child.Ordinal, got)
			}
		}
	})
}
