package ledger

import (
	"context"
	"fmt"
	"time"
)

// A Throughput is how much was moved over the time, in buckets of one length.
type Throughput struct {
	From    time.Time     // where the first bucket begins, by the target server's clock
	Bucket  time.Duration // how long each is
	Buckets []Bucket
}

// A Bucket is what was at work in one of them.
type Bucket struct {
	Rows float64 // written in a second, each shard's rows taken as spread evenly over its time
	Busy float64 // slots at work in the mean
}

// Throughput returns what the shards that are done were at, from the first claim to the last end, in so many buckets; none where nothing is done. Shards of
// settling and audits are left out.
func (l *Ledger) Throughput(ctx context.Context, name string, buckets int) (Throughput, error) {
	what := "ask for the throughput of migration " + name
	rows, err := l.pool.Query(ctx, `
		WITH done AS (
		    SELECT claimed_at AS began, greatest(done_at, claimed_at + interval '1 millisecond') AS ended, written
		      FROM rehome.shard
		     WHERE migration = $1 AND state = 'done' AND kind NOT IN ('settle', 'audit') AND claimed_at <= done_at
		), span AS (
		    SELECT min(began) AS began, (max(ended) - min(began)) / $2::int AS bucket FROM done HAVING count(*) > 0
		), place AS (
		    SELECT s.began AS zero, extract(epoch FROM s.bucket)::float8 AS bucket, d.written,
		           extract(epoch FROM d.began - s.began)::float8 AS began, extract(epoch FROM d.ended - s.began)::float8 AS ended
		      FROM done d, span s
		), share AS (
		    SELECT zero, bucket, n, written / (ended - began) AS per_second,
		           greatest(0, least(ended, (n + 1) * bucket) - greatest(began, n * bucket)) AS seconds
		      FROM place
		     CROSS JOIN LATERAL generate_series(floor(began / bucket)::int, least($2 - 1, floor(ended / bucket)::int)) AS n
		)
		SELECT zero, bucket, n, sum(seconds * per_second) / bucket, sum(seconds) / bucket
		  FROM share GROUP BY zero, bucket, n ORDER BY n`, name, buckets)
	if err != nil {
		return Throughput{}, fmt.Errorf("%s: %w", what, err)
	}
	type line struct {
		zero    time.Time
		seconds float64
		n       int
		Bucket
	}
	lines, err := collect(rows, what, func(b *line) []any { return []any{&b.zero, &b.seconds, &b.n, &b.Rows, &b.Busy} })
	if err != nil || len(lines) == 0 {
		return Throughput{}, err
	}
	out := Throughput{From: lines[0].zero, Bucket: time.Duration(lines[0].seconds * float64(time.Second)), Buckets: make([]Bucket, buckets)}
	for _, b := range lines {
		out.Buckets[b.n] = b.Bucket
	}
	return out, nil
}
