package aggregator

import (
	"context"
	"slices"
	"time"

	"rehome/pkg/ledger"
	"rehome/pkg/plan"
	"rehome/pkg/report"
)

// throughputBuckets is into how many parts the time of the load is cut: what a plot has room for.
const throughputBuckets = 120

// addCosts adds what the migration has taken: phases, what slots were at, throughput, and with what it was done.
func addCosts(ctx context.Context, l *ledger.Ledger, name string, record *plan.Record, f *report.Facts) error {
	begun, err := l.LastBegun(ctx, name)
	if err != nil {
		return err
	}
	if begun != nil {
		f.Servers = report.Servers{Legacy: begun.Legacy, Target: begun.Target}
		f.Begun = &report.Begun{At: begun.At.UTC(), By: begun.By, Rehome: begun.Rehome}
	}
	if err := addPhases(ctx, l, name, record, f); err != nil {
		return err
	}
	t, measured, err := l.Timing(ctx, name)
	if err != nil {
		return err
	}
	f.Timings.Work = report.Work{Shards: measured, Read: seconds(t.Read), Convert: seconds(t.Convert), Copy: seconds(t.Copy), ReadBack: seconds(t.ReadBack),
		Close: seconds(t.Close), Bytes: t.Bytes}
	tables, err := l.TableTimes(ctx, name)
	if err != nil {
		return err
	}
	for _, t := range tables {
		if t.Entry >= len(f.Spent) {
			f.Spent = append(f.Spent, make([]report.TableTime, t.Entry+1-len(f.Spent))...)
		}
		f.Spent[t.Entry] = report.TableTime{Took: time.Duration(t.Millis) * time.Millisecond, Bytes: t.Bytes}
	}
	through, err := l.Throughput(ctx, name, throughputBuckets)
	if err != nil || len(through.Buckets) == 0 {
		return err
	}
	f.Throughput = report.Throughput{From: through.From.UTC().Truncate(time.Millisecond), Bucket: seconds(through.Bucket.Milliseconds())}
	for _, b := range through.Buckets {
		f.Throughput.Add(b.Rows, b.Busy)
	}
	return nil
}

func seconds(ms int64) float64 { return float64(ms) / 1000 }

func addPhases(ctx context.Context, l *ledger.Ledger, name string, record *plan.Record, f *report.Facts) error {
	waves, err := l.WaveTimes(ctx, name)
	if err != nil {
		return err
	}
	phases, err := l.Phases(ctx, name)
	if err != nil {
		return err
	}
	for _, w := range waves {
		p := report.Phase{Phase: "load", Wave: waveName(record, w.Wave), Steps: int64(w.Shards), Rows: w.Written}
		if w.Redo {
			p.Phase, p.Wave = "redo", ""
		}
		f.Timings.AddPhase(p, w.Wall, w.Slots)
	}
	for _, p := range phases {
		f.Timings.AddPhase(report.Phase{Phase: p.Name, Steps: int64(p.Steps)}, p.Wall, p.Took)
	}
	return nil
}

// waveName names a wave of shards; those behind the mapping's waves hold rows of no user, and users who came late.
func waveName(record *plan.Record, wave int) string {
	if wave < len(record.Waves) {
		return record.Waves[wave].Name
	}
	return "(after the waves)"
}

// addDead counts the dead shards by their causes, the most shards first.
func addDead(ctx context.Context, l *ledger.Ledger, name string, f *report.Facts) error {
	dead, err := l.DeadShards(ctx, name)
	if err != nil {
		return err
	}
	for _, s := range dead {
		i := slices.IndexFunc(f.Dead, func(d report.DeadCause) bool { return d.Cause == s.Letter.Cause })
		if i < 0 {
			i = len(f.Dead)
			f.Dead = append(f.Dead, report.DeadCause{Cause: s.Letter.Cause})
		}
		f.Dead[i].Shards, f.Dead[i].Users, f.Dead[i].Rows = f.Dead[i].Shards+1, f.Dead[i].Users+s.Users, f.Dead[i].Rows+s.Weight
	}
	slices.SortStableFunc(f.Dead, func(a, b report.DeadCause) int { return int(b.Shards - a.Shards) })
	return nil
}
