package ledger

import (
	"context"
	"fmt"
	"time"

	"rehome/pkg/shard"
)

// A Phase is a part of a run that the producer does by itself, summed up over all that were done: what was broken off is not in it.
type Phase struct {
	Name  string
	Steps int           // as of constraints: each is a step
	Wall  time.Duration // with at least one step at work
	Took  time.Duration // of all steps, one after the other, by the producer's clock
}

// NotePhase notes that a step of a phase is done, and how long it took.
func (l *Ledger) NotePhase(ctx context.Context, name, phase, what string, took time.Duration) error {
	return event(ctx, l.pool, name, -1, 0, 0, "phase", map[string]any{"phase": phase, "what": what, "seconds": took.Seconds()})
}

// Phases returns the phases of the migration in the order in which they were first done.
func (l *Ledger) Phases(ctx context.Context, name string) ([]Phase, error) {
	what := "ask for the phases of migration " + name
	// What a step adds to the time at work is what lies behind all that began before it.
	rows, err := l.pool.Query(ctx, `
		SELECT phase, count(*), sum(greatest(at - greatest(at - took, before), '0')), sum(took)
		  FROM (SELECT *, max(at) OVER (PARTITION BY phase ORDER BY at - took, id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
		          FROM (SELECT id, at, detail->>'phase' AS phase, make_interval(secs => (detail->>'seconds')::double precision) AS took
		                  FROM rehome.event
		                 WHERE migration = $1 AND ordinal = -1 AND what = 'phase') AS e) AS s
		 GROUP BY phase ORDER BY min(id)`, name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return collect(rows, what, func(p *Phase) []any { return []any{&p.Name, &p.Steps, &p.Wall, &p.Took} })
}

// A Begun is a start of a run.
type Begun struct {
	At     time.Time `json:"-"`
	By     string    `json:"by"`     // who has started it
	Rehome string    `json:"rehome"` // version of the program
	Legacy string    `json:"legacy"` // name and version of the server, as the next
	Target string    `json:"target"`
}

// NoteBegun notes a start of a run; the target's version is asked for.
func (l *Ledger) NoteBegun(ctx context.Context, name string, b Begun) error {
	if err := l.pool.QueryRow(ctx, `SELECT 'PostgreSQL ' || split_part(current_setting('server_version'), ' ', 1)`).Scan(&b.Target); err != nil {
		return fmt.Errorf("ask for the version of the target server: %w", err)
	}
	return event(ctx, l.pool, name, -1, 0, 0, "begun", b)
}

// LastBegun returns the last start of a run; nil where none was noted, as by an older release.
func (l *Ledger) LastBegun(ctx context.Context, name string) (*Begun, error) {
	what := "ask for the last start of migration " + name
	rows, err := l.pool.Query(ctx, `
		SELECT detail, at FROM rehome.event WHERE migration = $1 AND ordinal = -1 AND what = 'begun' ORDER BY id DESC LIMIT 1`, name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	starts, err := collect(rows, what, func(b *Begun) []any { return []any{b, &b.At} })
	if err != nil || len(starts) == 0 {
		return nil, err
	}
	return &starts[0], nil
}

// A WaveTime is how long the shards of a wave that are done have taken, by the target server's clock.
type WaveTime struct {
	Wave    int
	Redo    bool // shards that did users again, and not those of the wave
	Shards  int
	Written int64         // rows
	Wall    time.Duration // with at least one shard at work; what lies between two runs does not count
	Slots   time.Duration // of all shards, one after the other
}

// WaveTimes returns the times of the waves in their order, those of settling and audits left out. Of a shard the attempt counts that has done it.
func (l *Ledger) WaveTimes(ctx context.Context, name string) ([]WaveTime, error) {
	what := "ask how long the waves of migration " + name + " have taken"
	// What a shard adds to the time at work is what lies behind all that began before it.
	rows, err := l.pool.Query(ctx, `
		SELECT wave, redo, count(*), sum(written)::bigint, sum(greatest(done_at - greatest(claimed_at, before), '0')), sum(done_at - claimed_at)
		  FROM (SELECT wave, kind = 'redo' AS redo, written, claimed_at, done_at,
		               max(done_at) OVER (PARTITION BY wave, kind = 'redo' ORDER BY claimed_at, ordinal, generation
		                                  ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
		          FROM rehome.shard
		         WHERE migration = $1 AND state = 'done' AND kind NOT IN ('settle', 'audit') AND claimed_at <= done_at) AS s
		 GROUP BY redo, wave ORDER BY redo, wave`, name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return collect(rows, what, func(w *WaveTime) []any { return []any{&w.Wave, &w.Redo, &w.Shards, &w.Written, &w.Wall, &w.Slots} })
}

// Timing returns what the shards that are done have spent their time on, and how many of them have measured it.
func (l *Ledger) Timing(ctx context.Context, name string) (sum shard.Timing, measured int64, err error) {
	err = l.pool.QueryRow(ctx, `
		SELECT count(*), coalesce(sum((t->>'read_ms')::bigint), 0)::bigint, coalesce(sum((t->>'convert_ms')::bigint), 0)::bigint,
		       coalesce(sum((t->>'copy_ms')::bigint), 0)::bigint, coalesce(sum((t->>'read_back_ms')::bigint), 0)::bigint,
		       coalesce(sum((t->>'close_ms')::bigint), 0)::bigint, coalesce(sum((t->>'bytes')::bigint), 0)::bigint
		  FROM (SELECT receipt->'timing' AS t FROM rehome.shard WHERE migration = $1 AND state = 'done' AND kind <> 'audit') AS s
		 WHERE t IS NOT NULL`, name).Scan(&measured, &sum.Read, &sum.Convert, &sum.Copy, &sum.ReadBack, &sum.Close, &sum.Bytes)
	if err != nil {
		return sum, 0, fmt.Errorf("ask what the shards of migration %s have spent their time on: %w", name, err)
	}
	return sum, measured, nil
}

// TableTimes returns what the entries have taken of the time of the shards that are done, and the bytes that were copied for each, by entry; none where no shard has measured it.
func (l *Ledger) TableTimes(ctx context.Context, name string) ([]shard.TableTiming, error) {
	what := "ask how long the tables of migration " + name + " have taken"
	rows, err := l.pool.Query(ctx, `
		SELECT (t->>'entry')::int, sum((t->>'ms')::bigint)::bigint, sum((t->>'bytes')::bigint)::bigint
		  FROM rehome.shard s CROSS JOIN LATERAL jsonb_array_elements(s.receipt->'timing'->'tables') AS t
		 WHERE s.migration = $1 AND s.state = 'done' AND s.kind <> 'audit'
		 GROUP BY 1 ORDER BY 1`, name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return collect(rows, what, func(t *shard.TableTiming) []any { return []any{&t.Entry, &t.Millis, &t.Bytes} })
}
