package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"rehome/pkg/keyspace"
	"rehome/pkg/shard"
)

// Settled tells what became of a claim whose COMMIT was not answered, on a connection of the pool: the receipt if it was committed,
// nil if it was not and never will be. It waits until the backend that may still be committing has ended.
func (l *Ledger) Settled(ctx context.Context, claim Claim) (*shard.Receipt, error) {
	id := claim.Shard.ID
	var receipt *shard.Receipt
	err := l.pool.QueryRow(ctx, `
		SELECT CASE WHEN state = 'done' AND attempt = $4 THEN receipt END
		  FROM rehome.shard
		 WHERE migration = $1 AND ordinal = $2 AND generation = $3
		   FOR SHARE`, id.Migration, id.Ordinal, id.Generation, claim.Token).Scan(&receipt)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, shard.Failf(shard.Stale, "ask what became of shard %s: it is not in the plan any more", id)
	}
	if err != nil {
		return nil, shard.Fail(shard.Unknown, "", fmt.Errorf("ask what became of shard %s: %w", id, err))
	}
	return receipt, nil
}

// A Failure is how an attempt failed.
type Failure struct {
	Kind    shard.Failure
	Cause   string // KIND:TABLE.COLUMN; empty is the kind's name
	Error   string // redacted: it holds no value of a row
	TraceID string
	Limit   int                 // counted failures of a shard after which it is dead
	Tried   shard.Circumstances // of a failure that the shard may die of: what the attempt was made with
}

// counts reports whether the failure burns one of the shard's attempts.
func (f Failure) counts() bool { return f.Kind == shard.Data || f.Kind == shard.Defect }

// Failed gives the claim up after its transaction was rolled back. A failure by the data's fault is counted, and at the limit the shard is dead and its
// letter returned; any other burns no attempt, and is kept as the shard's last outage where it has an Error. The error is a shard.Stale failure if the
// claim does not hold any more.
func (l *Ledger) Failed(ctx context.Context, claim Claim, f Failure) (*shard.DeadLetter, error) {
	if !f.counts() {
		return nil, l.release(ctx, claim, f.Error)
	}
	f.Cause = cmp.Or(f.Cause, f.Kind.String())
	var letter *shard.DeadLetter
	err := l.inTx(ctx, func(tx pgx.Tx) error {
		r, err := countFailure(ctx, tx, claim, f)
		if err != nil {
			return err
		}
		what := "failed"
		if r.State == shard.Dead {
			what, letter = "dead", r.letter()
		}
		detail := map[string]string{"kind": f.Kind.String(), "cause": f.Cause, "trace_id": f.TraceID}
		return event(ctx, tx, r.Migration, r.Ordinal, r.Generation, r.attempt, what, detail)
	})
	return letter, err
}

// release gives a shard back. One that was given back without an outage was only not to be worked on now.
func (l *Ledger) release(ctx context.Context, claim Claim, outage string) error {
	id := claim.Shard.ID
	tag, err := l.pool.Exec(ctx, `
		UPDATE rehome.shard
		   SET holder = NULL, holder_pid = NULL, holder_started = NULL,
		       outages = outages + CASE WHEN $5 = '' THEN 0 ELSE 1 END, outage = coalesce(nullif($5, ''), outage),
		       outage_at = CASE WHEN $5 = '' THEN outage_at ELSE clock_timestamp() END
		 WHERE migration = $1 AND ordinal = $2 AND generation = $3 AND state = 'planned' AND attempt = $4`,
		id.Migration, id.Ordinal, id.Generation, claim.Token, outage)
	if err != nil {
		return fmt.Errorf("release shard %s: %w", id, err)
	}
	return held(tag.RowsAffected(), "release", claim)
}

// held turns a conditional statement that hit nothing into a shard.Stale failure.
func held(rows int64, what string, claim Claim) error {
	if rows == 1 {
		return nil
	}
	return shard.Failf(shard.Stale, "%s shard %s: it is not held under token %d any more", what, claim.Shard.ID, claim.Token)
}

func countFailure(ctx context.Context, tx pgx.Tx, claim Claim, f Failure) (record, error) {
	id := claim.Shard.ID
	dead := shard.Receipt{ID: id, State: shard.Dead, Wave: claim.Shard.Wave, Attempt: claim.Token, Mapping: claim.Mapping}
	rows, err := tx.Query(ctx, `
		UPDATE rehome.shard s
		   SET failures = s.failures + 1, cause = $5, error = $6, trace_id = $7, tried_with = $10,
		       first_failed = coalesce(s.first_failed, clock_timestamp()), last_failed = clock_timestamp(),
		       state = CASE WHEN s.failures + 1 >= $8 THEN 'dead' ELSE s.state END,
		       receipt = CASE WHEN s.failures + 1 >= $8 THEN
		           $9::jsonb || jsonb_build_object('xid', pg_current_xact_id()::text::numeric,
		                                           'started_at', coalesce(s.first_failed, clock_timestamp()), 'finished_at', clock_timestamp()) END,
		       xid = CASE WHEN s.failures + 1 >= $8 THEN pg_current_xact_id() END,
		       holder = NULL, holder_pid = NULL, holder_started = NULL
		  FROM rehome.migration m
		 WHERE m.name = s.migration AND s.migration = $1 AND s.ordinal = $2 AND s.generation = $3 AND s.state = 'planned' AND s.attempt = $4
		RETURNING `+shardColumns,
		id.Migration, id.Ordinal, id.Generation, claim.Token, f.Cause, f.Error, f.TraceID, f.Limit, dead, f.Tried)
	if err != nil {
		return record{}, fmt.Errorf("count the failure of shard %s: %w", id, err)
	}
	r, err := pgx.CollectExactlyOneRow(rows, scanRecord)
	if errors.Is(err, pgx.ErrNoRows) {
		return r, held(0, "count the failure of", claim)
	}
	if err != nil {
		return r, fmt.Errorf("count the failure of shard %s: %w", id, err)
	}
	return r, nil
}

// Split replaces a claimed shard, after its transaction was rolled back, by two planned ones that tile it, cut behind the given key, and returns them. A
// shard of kind Redo has no range: each child does half of its units again. The error is a shard.Stale failure if the claim does not hold any more.
func (l *Ledger) Split(ctx context.Context, claim Claim, cut keyspace.Key) ([2]shard.Shard, error) {
	return l.SplitAs(ctx, claim, cut, claim.Shard.Users/2, claim.Shard.Weight/2)
}

// SplitAs is Split where it is known how many users and rows the first child has.
func (l *Ledger) SplitAs(ctx context.Context, claim Claim, cut keyspace.Key, users, weight int64) ([2]shard.Shard, error) {
	var children [2]shard.Shard
	err := l.inTx(ctx, func(tx pgx.Tx) error {
		mapping, err := turnSplit(ctx, tx, claim)
		if err != nil {
			return err
		}
		s := &claim.Shard
		first, err := takeOrdinals(ctx, tx, s.Migration, 2)
		if err != nil {
			return err
		}
		children = s.Split(first, cut)
		children[0].Users, children[0].Weight = users, weight
		children[1].Users, children[1].Weight = s.Users-users, s.Weight-weight
		if s.Kind == shard.Redo {
			children[0].Range, children[1].Range = s.Range, s.Range
			err = divide(ctx, tx, s.ID, &children)
		} else {
			err = tiles(s, &children)
		}
		if err != nil {
			return err
		}
		if err := copyShards(ctx, tx, &Migration{Name: s.Migration, Run: s.Run, Mapping: mapping}, children[:]); err != nil {
			return err
		}
		if err := link(ctx, tx, s.ID, first); err != nil {
			return err
		}
		return event(ctx, tx, s.Migration, s.Ordinal, s.Generation, claim.Token, "split", map[string]int{"first": first})
	})
	return children, err
}

// link has the traces of the two children begin with a link to the attempt that split their parent.
func link(ctx context.Context, tx pgx.Tx, parent shard.ID, first int) error {
	_, err := tx.Exec(ctx, `
		UPDATE rehome.shard c SET trace_link = p.traceparent
		  FROM rehome.shard p
		 WHERE p.migration = $1 AND p.ordinal = $2 AND p.generation = $3 AND p.traceparent IS NOT NULL
		   AND c.migration = $1 AND c.ordinal IN ($4, $4 + 1)`, parent.Migration, parent.Ordinal, parent.Generation, first)
	if err != nil {
		return fmt.Errorf("link the traces of what shard %s was split into: %w", parent, err)
	}
	return nil
}

func tiles(s *shard.Shard, children *[2]shard.Shard) error {
	if err := keyspace.CheckTiles(s.Range, []keyspace.Range{children[0].Range, children[1].Range}); err != nil {
		return fmt.Errorf("split shard %s: %w", s.ID, err)
	}
	return nil
}

// turnSplit returns the mapping that the shard goes by now, and so its children.
func turnSplit(ctx context.Context, tx pgx.Tx, claim Claim) (mapping string, err error) {
	id := claim.Shard.ID
	err = tx.QueryRow(ctx, `
		UPDATE rehome.shard SET state = 'split', holder = NULL, holder_pid = NULL, holder_started = NULL
		 WHERE migration = $1 AND ordinal = $2 AND generation = $3 AND state = 'planned' AND attempt = $4
		RETURNING mapping_hash`, id.Migration, id.Ordinal, id.Generation, claim.Token).Scan(&mapping)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", held(0, "split", claim)
	}
	if err != nil {
		return "", fmt.Errorf("split shard %s: %w", id, err)
	}
	return mapping, nil
}
