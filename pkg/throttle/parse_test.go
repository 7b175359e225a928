package throttle

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestParse(t *testing.T) {
	old := Limits{Slots: 4, Lag: 3 * time.Second}
	for _, c := range []struct {
		name, args string
		want       Limits
	}{
		{"nothing changes nothing", "", old},
		{"every limit has its name", "rows=5000 slots=8 lag=2s threads=40 replication_lag=1m30s backends=30",
			Limits{Rows: 5000, Slots: 8, Lag: 2 * time.Second, Threads: 40, ReplicationLag: 90 * time.Second, Backends: 30}},
		{"thousands may be set off", "rows=1,250,000 threads=1_000", Limits{Slots: 4, Lag: 3 * time.Second, Rows: 1250000, Threads: 1000}},
		{"off takes one away, and the others stay", "slots=off", Limits{Lag: 3 * time.Second}},
		{"off takes away what is not there", "rows=off", old},
		{"a fraction of a unit is a duration", "lag=1.5s", Limits{Slots: 4, Lag: 1500 * time.Millisecond}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Parse(strings.Fields(c.args), old)
			if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
				t.Errorf("%v %s", err, diff)
			}
		})
	}
}

func TestParseFaults(t *testing.T) {
	for _, c := range []struct{ name, args, want string }{
		{"a name that is nearly one", "row=5", "row=5: there is no limit row; did you mean rows?"},
		{"a name in capitals", "LAG=2s", "LAG=2s: there is no limit LAG; did you mean lag?"},
		{"a name that is none", "cpu=5", "cpu=5: there is no limit cpu; there are rows, slots, lag, threads, replication_lag, backends"},
		{"a number alone", "5000", "5000: does not say what it limits: write rows=5000"},
		{"no value", "slots", "slots: says no value: write it as in slots=8, or slots=off"},
		{"an empty value", "lag=", "lag=: says no value: write it as in lag=2s, or lag=off"},
		{"zero", "rows=0", "rows=0: would let nothing go on: producer pause does that, and rows=off takes the limit away"},
		{"no time at all", "lag=0s", "lag=0s: would let nothing go on: producer pause does that, and lag=off takes the limit away"},
		{"less than nothing", "threads=-4", "threads=-4: is not understood: write it as in threads=40, or threads=off"},
		{"time that runs backwards", "lag=-2s", "lag=-2s: would let nothing go on: producer pause does that, and lag=off takes the limit away"},
		{"a comma that may mean a fraction", "slots=1,5", "slots=1,5: is not understood: write it as in slots=8, or slots=off"},
		{"a letter for thousands", "rows=5k", "rows=5k: is not understood: write it as in rows=5000, or rows=off"},
		{"a time without its unit", "lag=2", "lag=2: has no unit: write lag=2s for seconds"},
		{"a unit that there is not", "lag=2sec", "lag=2sec: is not understood: write it as in lag=2s, or lag=off"},
		{"a lag that nobody could tell", "replication_lag=200ms", "replication_lag=200ms: is less than can be told: write 1s or more"},
		{"more than there can be", "backends=99999999999", "backends=99999999999: is not understood: write it as in backends=30, or backends=off"},
		{"a limit twice", "slots=4 slots=5", "slots=5: is given twice"},
		{"all faults at once", "row=5 slots=x lag=2s", "row=5: there is no limit row; did you mean rows?\nslots=x: is not understood: write it as in slots=8, or slots=off"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Parse(strings.Fields(c.args), Limits{Slots: 2})
			if _, faults := errors.AsType[Faults](err); !faults || got != (Limits{}) {
				t.Fatalf("got %v, %v", got, err)
			}
			if diff := cmp.Diff(c.want, err.Error()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// anyLimits draws limits, each of which may be off.
func anyLimits(t *rapid.T) Limits {
	number := rapid.OneOf(rapid.Just(0), rapid.IntRange(1, 1<<31-1))
	span := rapid.OneOf(rapid.Just(int64(0)), rapid.Int64Range(int64(time.Second), int64(100*time.Hour)))
	return Limits{
		Rows: int64(number.Draw(t, "rows")), Slots: number.Draw(t, "slots"), Lag: time.Duration(span.Draw(t, "lag")),
		Threads: number.Draw(t, "threads"), ReplicationLag: time.Duration(span.Draw(t, "replication lag")), Backends: number.Draw(t, "backends"),
	}
}

func TestLimitsAreParsedAsTheyAreWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l, old := anyLimits(t), anyLimits(t)
		args := strings.Fields(l.String())
		got, err := Parse(args, Limits{})
		if err != nil || got != l {
			t.Fatalf("%+v is written %q and read as %+v, %v", l, l, got, err)
		}
		for _, line := range l.Lines(Load{}) {
			if line.Set == "off" {
				args = append(args, line.Name+"=off")
			}
		}
		if got, err := Parse(args, old); err != nil || got != l {
			t.Fatalf("%q over %+v gives %+v, %v", args, old, got, err)
		}
	})
}

func TestParseTakesAnyArgument(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		old := anyLimits(t)
		got, err := Parse([]string{rapid.String().Draw(t, "argument")}, old)
		if _, faults := errors.AsType[Faults](err); err != nil && (!faults || got != (Limits{})) {
			t.Fatalf("got %+v, %v", got, err)
		}
	})
}
