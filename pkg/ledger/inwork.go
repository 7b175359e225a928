package ledger

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// A HeldShard is a shard that somebody works on.
type HeldShard struct {
	Ordinal, Generation, Attempt, Wave int
	Rows                               int64         // planned
	For                                time.Duration // since it was claimed, by the target server's clock
	Holder                             uuid.UUID
}

// InWork returns the shards that somebody works on, those of audits too, in their order, and the time by the target server's clock.
func (l *Ledger) InWork(ctx context.Context, name string) (held []HeldShard, now time.Time, err error) {
	rows, err := l.pool.Query(ctx, `
		SELECT t.now, w.ordinal, w.generation, w.attempt, w.wave, w.weight, greatest(t.now - w.claimed_at, '0'), w.holder
		  FROM (SELECT clock_timestamp() AS now) t
		  LEFT JOIN (SELECT s.* `+inWork+` AND s.migration = $1) w ON true
		 ORDER BY w.ordinal`, name, DefaultFrozen)
	if err == nil {
		var s struct {
			ordinal, generation, attempt, wave *int
			rows                               *int64
			since                              *time.Duration
			holder                             *uuid.UUID
		}
		_, err = pgx.ForEachRow(rows, []any{&now, &s.ordinal, &s.generation, &s.attempt, &s.wave, &s.rows, &s.since, &s.holder}, func() error {
			if s.ordinal != nil && s.since != nil {
				held = append(held, HeldShard{*s.ordinal, *s.generation, *s.attempt, *s.wave, *s.rows, *s.since, *s.holder})
			}
			return nil
		})
	}
	if err != nil {
		return nil, now, fmt.Errorf("list the shards of migration %s that are in work: %w", name, err)
	}
	return held, now, nil
}
