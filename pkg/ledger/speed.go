package ledger

import (
	"context"
	"fmt"
	"time"
)

// recently is how many shards Speed looks at.
const recently = 50

// Speed returns the weight of the migration's shards that were done last, and the time that these took from their claim on, one after the other. Both are 0 where none
// was done.
func (l *Ledger) Speed(ctx context.Context, name string) (weight int64, took time.Duration, err error) {
	err = l.pool.QueryRow(ctx, `
		SELECT coalesce(sum(weight), 0)::bigint, coalesce(sum(done_at - claimed_at), '0')
		  FROM (SELECT weight, done_at, claimed_at
		          FROM rehome.shard
		         WHERE migration = $1 AND state = 'done' AND weight > 0 AND claimed_at < done_at
		         ORDER BY done_at DESC LIMIT $2) s`, name, recently).Scan(&weight, &took)
	if err != nil {
		return 0, 0, fmt.Errorf("ask how fast the shards of migration %s are: %w", name, err)
	}
	return weight, took, nil
}

// Lightest returns the least weight of the migration's shards that nobody has in work and that may be done: of the first wave that has any, as what is
// behind it may wait for a gate, and with the last of the mapping's waves of the rest, which waits for none. It is found unless there is none.
func (l *Ledger) Lightest(ctx context.Context, name string) (weight int64, found bool, err error) {
	var least *int64
	err = l.pool.QueryRow(ctx, `
		WITH free AS MATERIALIZED (
			SELECT wave, weight FROM rehome.shard WHERE migration = $1 AND state = 'planned' AND kind <> 'audit' AND holder IS NULL
		), first AS (SELECT min(wave) AS wave FROM free), rest AS (SELECT max(wave) AS wave FROM rehome.shard WHERE migration = $1 AND kind = 'late')
		SELECT min(free.weight)
		  FROM free, first, rest
		 WHERE free.wave = first.wave OR free.wave = rest.wave AND first.wave = rest.wave - 1`, name).Scan(&least)
	if err != nil {
		return 0, false, fmt.Errorf("ask for the lightest shard of migration %s: %w", name, err)
	}
	if least == nil {
		return 0, false, nil
	}
	return *least, true, nil
}
