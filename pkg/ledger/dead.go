package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"rehome/pkg/shard"
)

// A DeadShard is a dead shard with its letter.
type DeadShard struct {
	shard.Shard
	Letter shard.DeadLetter
}

// DeadShards returns all dead shards but those of audits, by ordinal.
func (l *Ledger) DeadShards(ctx context.Context, name string) ([]DeadShard, error) {
	what := "list the dead shards of migration " + name
	rows, err := l.pool.Query(ctx, `
		SELECT `+shardColumns+`
		  FROM rehome.shard s JOIN rehome.migration m ON m.name = s.migration
		 WHERE s.migration = $1 AND s.state = 'dead' AND s.kind <> 'audit'
		 ORDER BY s.ordinal, s.generation`, name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	dead, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (DeadShard, error) {
		r, err := scanRecord(row)
		return DeadShard{Shard: r.Shard, Letter: *r.letter()}, err
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return dead, nil
}

// Dead returns the letters of all dead shards but those of audits.
func (l *Ledger) Dead(ctx context.Context, name string) ([]shard.DeadLetter, error) {
	dead, err := l.DeadShards(ctx, name)
	letters := make([]shard.DeadLetter, len(dead))
	for i := range dead {
		letters[i] = dead[i].Letter
	}
	return letters, err
}

// Shard returns the newest generation of a shard, with its letter if it is dead or discarded; the error wraps ErrNotFound if there is none of that ordinal, or if
// it is one of an audit.
func (l *Ledger) Shard(ctx context.Context, name string, ordinal int) (*shard.Shard, *shard.DeadLetter, error) {
	what := fmt.Sprintf("look for shard %d of migration %s", ordinal, name)
	rows, err := l.pool.Query(ctx, `
		SELECT `+shardColumns+`
		  FROM rehome.shard s JOIN rehome.migration m ON m.name = s.migration
		 WHERE s.migration = $1 AND s.ordinal = $2 AND s.kind <> 'audit'
		 ORDER BY s.generation DESC LIMIT 1`, name, ordinal)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", what, err)
	}
	r, err := pgx.CollectExactlyOneRow(rows, scanRecord)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", what, absent(err))
	}
	if r.State != shard.Dead && r.State != shard.Discarded {
		return &r.Shard, nil, nil
	}
	return &r.Shard, r.letter(), nil
}

// ErrEnding is what an error wraps where a run is at work behind the load, whose constraints are on, or come back: a shard that is loaded would be
// refused what its rows refer to.
var ErrEnding = errors.New("a run is at work behind the load; let it end, or stop it, and republish then")

// ErrDoneAgain is what an error wraps where users of a discarded shard have been read again by another one since: they are not the shard's any more.
var ErrDoneAgain = errors.New("users of it have been done again since it was discarded")

// A Revival is what became of a shard that was to be republished.
type Revival struct {
	Again bool       // else the shard, in that generation, is neither dead nor discarded any more
	Task  shard.Task // where it is Again; its trace is linked to that of the generation before
	Load  bool       // the load goes on, so that the task may be published; else the next run does, when it has made the target ready
}

// Republish gives a dead or discarded shard another life: the next generation, with no failure counted, by the mapping that the migration goes by now. What the end of
// the load has counted does not hold any more then. A button that is pressed twice counts once. By says who wants it.
func (l *Ledger) Republish(ctx context.Context, id shard.ID, by string) (Revival, error) {
	var v Revival
	err := l.inTx(ctx, func(tx pgx.Tx) error {
		standing, err := lockMigration(ctx, tx, id)
		if errors.Is(absent(err), ErrNotFound) {
			return nil
		} else if err != nil {
			return err
		}
		return v.republish(ctx, tx, id, standing, by)
	})
	if err != nil {
		return Revival{}, fmt.Errorf("republish shard %s: %w", id, err)
	}
	return v, nil
}

// lockMigration holds the migration's row, so that nobody moves it to another state meanwhile. It lets pass who only refers to the migration, as a
// first pause does: to count what is discarded takes its time.
func lockMigration(ctx context.Context, tx pgx.Tx, id shard.ID) (standing State, err error) {
	err = tx.QueryRow(ctx, `SELECT state FROM rehome.migration WHERE name = $1 AND run = $2 FOR NO KEY UPDATE`, id.Migration, id.Run).Scan(&standing)
	return standing, err
}

func (v *Revival) republish(ctx context.Context, tx pgx.Tx, id shard.ID, standing State, by string) error {
	var kind shard.Kind
	var state shard.State
	err := tx.QueryRow(ctx, `
		SELECT kind, state FROM rehome.shard WHERE migration = $1 AND ordinal = $2 AND generation = $3 AND state IN ('dead', 'discarded') FOR UPDATE`,
		id.Migration, id.Ordinal, id.Generation).Scan(&kind, &state)
	if errors.Is(absent(err), ErrNotFound) {
		return nil
	} else if err != nil {
		return err
	}
	v.Load = standing == Loading
	if kind != shard.Redo && !v.Load {
		if err := nobodyRuns(ctx, tx, id.Migration); err != nil {
			return err
		}
	}
	if state == shard.Discarded {
		if err := takeBack(ctx, tx, id); err != nil {
			return err
		}
	}
	v.Again, v.Task.ID = true, id
	v.Task.Generation++
	err = tx.QueryRow(ctx, `
		UPDATE rehome.shard s
		   SET generation = s.generation + 1, state = 'planned', mapping_hash = m.mapping_hash, failures = 0, cause = NULL, error = NULL, trace_id = NULL,
		       traceparent = NULL, trace_link = s.traceparent,
		       first_failed = NULL, last_failed = NULL, receipt = NULL, xid = NULL, tried_with = NULL, discarded = NULL, done_at = NULL
		  FROM rehome.migration m
		 WHERE m.name = s.migration AND s.migration = $1 AND s.ordinal = $2 AND s.generation = $3
		RETURNING s.mapping_hash, coalesce(s.trace_link, ''), `+schemaColumn, id.Migration, id.Ordinal, id.Generation).
		Scan(&v.Task.Mapping, &v.Task.Trace.Link, &v.Task.Schema)
	if err != nil {
		return err
	}
	if err := unfinish(ctx, tx, id.Migration); err != nil {
		return err
	}
	return event(ctx, tx, id.Migration, id.Ordinal, id.Generation, 0, "republished", map[string]string{"by": by, "was": string(state)})
}

// nobodyRuns refuses while a run of the migration is alive, and keeps others from beginning until the transaction ends.
func nobodyRuns(ctx context.Context, tx pgx.Tx, name string) error {
	var free bool
	if err := tx.QueryRow(ctx, `SELECT pg_try_advisory_xact_lock($1)`, lockKey(name)).Scan(&free); err != nil || free {
		return err
	}
	return ErrEnding
}

// unfinish forgets what the end of the load has counted, if it has: a verdict must not stand over shards that have changed since.
func unfinish(ctx context.Context, tx pgx.Tx, name string) error {
	_, err := tx.Exec(ctx, `
		UPDATE rehome.migration SET state = 'settling', closing = '{}', position_closed = '', consistency = ''
		 WHERE name = $1 AND state IN ('settling', 'finished')`, name)
	return err
}

// An Event is what happened to a shard.
type Event struct {
	Generation int             `json:"generation"`
	Attempt    int             `json:"attempt"`
	At         time.Time       `json:"at"` // by the target server's clock
	What       string          `json:"what"`
	Detail     json.RawMessage `json:"detail"`
}

// Events returns what happened to a shard, in its order.
func (l *Ledger) Events(ctx context.Context, name string, ordinal int) ([]Event, error) {
	what := fmt.Sprintf("read what happened to shard %d of migration %s", ordinal, name)
	rows, err := l.pool.Query(ctx, `
		SELECT generation, attempt, at, what, detail FROM rehome.event WHERE migration = $1 AND ordinal = $2 ORDER BY id`, name, ordinal)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return collect(rows, what, func(e *Event) []any { return []any{&e.Generation, &e.Attempt, &e.At, &e.What, &e.Detail} })
}
