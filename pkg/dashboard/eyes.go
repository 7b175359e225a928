package dashboard

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"rehome/pkg/aggregator"
	"rehome/pkg/ledger"
	"rehome/pkg/plan"
	"rehome/pkg/report"
)

const (
	lookEvery   = time.Second
	share       = 20               // what is asked of the ledger again and again takes at most a twentieth of the time
	rightsEvery = 30 * time.Second // how often it is asked what the role may do
)

// eyes look at the ledger. They are for one goroutine.
type eyes struct {
	ledger *ledger.Ledger
	name   string
	looker aggregator.Looker

	waves  []string // of the plan of run
	run    string
	paces  map[uuid.UUID]*report.Pace // how fast each worker reads
	rights ledger.Rights
	asked  time.Time // for rights

	chart  chart
	looked time.Time
	failed error // of the last look
}

func newEyes(l *ledger.Ledger, name string) *eyes {
	return &eyes{
		ledger: l, name: name, looker: aggregator.Looker{Ledger: l, Name: name, Every: lookEvery}, paces: map[uuid.UUID]*report.Pace{}, chart: newChart(),
	}
}

// A look is what the eyes have seen.
type look struct {
	at        time.Time // by the target server's clock
	migration *ledger.Migration
	progress  report.Progress
	workers   []Worker
	rights    ledger.Rights
}

func (e *eyes) look(ctx context.Context) (*look, error) {
	began := time.Now()
	m, err := e.ledger.Load(ctx, e.name)
	if err != nil {
		return nil, err
	}
	if err := e.plan(m); err != nil {
		return nil, err
	}
	if e.asked.IsZero() || time.Since(e.asked) >= rightsEvery {
		if e.rights, err = e.ledger.Rights(ctx); err != nil {
			return nil, err
		}
		e.asked = time.Now()
	}
	seen, err := e.looker.Look(ctx, m)
	if err != nil {
		return nil, err
	}
	held, now, err := e.ledger.InWork(ctx, e.name)
	if err != nil {
		return nil, err
	}
	e.looker.Every = max(lookEvery, share*time.Since(began)) // the sums over all shards are what takes long
	return &look{at: now.UTC(), migration: m, progress: seen.Progress(), workers: e.workers(seen, held, now), rights: e.rights}, nil
}

// plan reads the waves' names where the plan is another.
func (e *eyes) plan(m *ledger.Migration) error {
	if e.run == m.Run {
		return nil
	}
	var record plan.Record
	if err := json.Unmarshal(m.Plan, &record); err != nil {
		return fmt.Errorf("read the plan of migration %s in the ledger: %w", m.Name, err)
	}
	e.waves, e.run = nil, m.Run
	for _, w := range record.Waves {
		e.waves = append(e.waves, w.Name)
	}
	return nil
}

// afterWaves stands for the wave of shards that come behind all waves of the mapping.
const afterWaves = "(after the waves)"

func (e *eyes) wave(n int) string {
	if n >= 0 && n < len(e.waves) {
		return e.waves[n]
	}
	return afterWaves
}

// workers puts together who is alive and what they are at.
func (e *eyes) workers(seen *aggregator.Sight, held []ledger.HeldShard, now time.Time) []Worker {
	shards := map[uuid.UUID][]HeldShard{}
	for _, s := range held {
		shards[s.Holder] = append(shards[s.Holder], HeldShard{
			Ordinal: s.Ordinal, Generation: s.Generation, Attempt: s.Attempt, Wave: e.wave(s.Wave), Rows: s.Rows, Seconds: s.For.Seconds(),
		})
	}
	workers, paces := []Worker{}, map[uuid.UUID]*report.Pace{}
	for _, w := range seen.Workers {
		pace := e.paces[w.Holder]
		if pace == nil {
			pace = &report.Pace{}
		}
		pace.Add(w.Beat, w.Rows, 0)
		paces[w.Holder] = pace
		out := Worker{
			ID: w.Holder, Host: w.Host, Program: w.Program, Slots: w.Slots, Busy: w.Busy, Rows: float64(int64(pace.Now().Rows)), Slow: w.Slow, Stopping: w.Stopping,
			Behind: w.Seen < seen.Controls.Version, Age: max(0, now.Sub(w.Beat).Seconds()), Shards: shards[w.Holder],
		}
		if out.Shards == nil {
			out.Shards = []HeldShard{}
		}
		workers = append(workers, out)
	}
	e.paces = paces
	return workers
}
