package ledger

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"rehome/pkg/shard"
)

// A ShardStory is all that the ledger knows of one shard. Its bounds are for the ledger alone.
type ShardStory struct {
	shard.Shard
	Attempts  int // how often it was claimed, over all generations
	Failures  int // attempts of this generation that failed by the fault of the data
	Outages   int // attempts that failed by no fault of the data
	Outage    string
	OutageAt  *time.Time // of the last of them
	Cause     string     // of the last failure
	Error     string     // likewise; redacted, as is Outage
	TraceID   string     // of its last attempt that is known; may be empty
	ClaimedAt *time.Time // by the target server's clock, as are the others
	DoneAt    *time.Time // of a shard that is done or discarded
	Receipt   *shard.Receipt
	Discarded string  // why a person has let it go
	Host      string  // of who works on it; empty while nobody does
	Children  []int32 // ordinals of the shards that it was split into
	Events    []Event
}

// ShardStory returns the story of the newest generation of a shard; the error wraps ErrNotFound if there is none of that ordinal, or if it is one of an audit.
func (l *Ledger) ShardStory(ctx context.Context, name string, ordinal int) (*ShardStory, error) {
	what := fmt.Sprintf("read the story of shard %d of migration %s", ordinal, name)
	rows, err := l.pool.Query(ctx, `
		SELECT `+shardColumns+`, s.outages, coalesce(s.outage, ''), s.outage_at, s.claimed_at, s.done_at,
		       coalesce((SELECT x.host FROM (SELECT s.ordinal, s.generation, w.host `+inWork+` AND s.migration = $1 AND s.ordinal = $3) x LIMIT 1), ''),
		       ARRAY(SELECT c.ordinal FROM rehome.shard c WHERE c.migration = $1 AND c.parent = $3 ORDER BY c.ordinal)
		  FROM rehome.shard s JOIN rehome.migration m ON m.name = s.migration
		 WHERE s.migration = $1 AND s.ordinal = $3 AND s.kind <> 'audit'
		 ORDER BY s.generation DESC LIMIT 1`, name, DefaultFrozen, ordinal)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	story, err := pgx.CollectExactlyOneRow(rows, scanShardStory)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, absent(err))
	}
	if story.Events, err = l.Events(ctx, name, ordinal); err != nil {
		return nil, err
	}
	return &story, nil
}

func scanShardStory(row pgx.CollectableRow) (s ShardStory, err error) {
	r, err := scanRecord(withLast{row, []any{&s.Outages, &s.Outage, &s.OutageAt, &s.ClaimedAt, &s.DoneAt, &s.Host, &s.Children}})
	s.Shard, s.Attempts, s.Failures, s.Cause, s.Error = r.Shard, r.attempt, r.failures, r.cause, r.error
	s.TraceID, s.Receipt, s.Discarded = r.traceID, r.receipt, r.discarded
	return s, err
}
