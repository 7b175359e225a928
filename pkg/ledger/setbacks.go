package ledger

import (
	"context"
	"fmt"
)

// When a shard is told that is tried again and again by no fault of the data.
const (
	setBackOften = 3            // outages, from which on it may be more than a network that was away for a moment
	setBackAgo   = "10 minutes" // since the last one, after which it is a matter of the past
)

// Setbacks are the planned shards that one outage after the other has thrown back, so that nothing but somebody's looking may help.
type Setbacks struct {
	Shards int
	Why    string // the newest error, redacted; empty where there are none
}

// Setbacks returns the migration's setbacks of the last minutes, those of audits left out. To ask is cheap, however many shards there are.
func (l *Ledger) Setbacks(ctx context.Context, name string) (s Setbacks, err error) {
	err = l.pool.QueryRow(ctx, `
		SELECT count(*), coalesce((array_agg(outage ORDER BY outage_at DESC))[1], '')
		  FROM rehome.shard
		 WHERE migration = $1 AND state = 'planned' AND outages > 0 AND outages >= $2 AND outage_at > clock_timestamp() - $3::interval
		   AND kind <> 'audit'`, name, setBackOften, setBackAgo).Scan(&s.Shards, &s.Why)
	if err != nil {
		return Setbacks{}, fmt.Errorf("ask which shards of migration %s are thrown back again and again: %w", name, err)
	}
	return s, nil
}
