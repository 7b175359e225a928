package ledger

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"rehome/pkg/keyspace"
	"rehome/pkg/shard"
)

// AddAudit begins a new audit of the migration: it forgets what an earlier one has found, and adds a shard of kind Audit for each
// shard that is done and may have brought rows, and one for each of the given entries' tables, to look for rows that no manifest
// knows. It returns how many it has added. All of them are of the given wave.
func (l *Ledger) AddAudit(ctx context.Context, name string, wave int, tables []int) (added int, err error) {
	err = l.inTx(ctx, func(tx pgx.Tx) error {
		if err := forgetAudit(ctx, tx, name); err != nil {
			return err
		}
		shards, err := toAudit(ctx, tx, name)
		if err != nil {
			return err
		}
		for _, entry := range tables {
			shards = append(shards, shard.Shard{Entry: entry, Parent: -1})
		}
		first, err := takeOrdinals(ctx, tx, name, len(shards))
		if err != nil {
			return err
		}
		for i := range shards {
			shards[i].Kind, shards[i].Wave, shards[i].State, shards[i].Ordinal = shard.Audit, wave, shard.Planned, first+i
		}
		m, err := load(ctx, tx, name)
		if err != nil {
			return err
		}
		added = len(shards)
		if err := copyShards(ctx, tx, m, shards); err != nil {
			return err
		}
		return event(ctx, tx, name, -1, 0, 0, "audit", map[string]int{"shards": added})
	})
	return added, err
}

func forgetAudit(ctx context.Context, tx pgx.Tx, name string) error {
	for _, statement := range []string{
		`DELETE FROM rehome.audited WHERE migration = $1`, `DELETE FROM rehome.finding WHERE migration = $1`,
		`DELETE FROM rehome.suspect WHERE migration = $1`, `DELETE FROM rehome.shard WHERE migration = $1 AND kind = 'audit'`,
	} {
		if _, err := tx.Exec(ctx, statement, name); err != nil {
			return fmt.Errorf("forget the last audit of migration %s: %w", name, err)
		}
	}
	return nil
}

// toAudit returns a shard for each one whose rows stand in a manifest, with its ordinal as Parent. Those of redos belong to the shards
// that first read their units.
func toAudit(ctx context.Context, tx pgx.Tx, name string) ([]shard.Shard, error) {
	what := "list the shards to audit of migration " + name
	rows, err := tx.Query(ctx, `
		SELECT ordinal, kind, entry, after_key, through_key, cell_first, cell_limit, users, weight
		  FROM rehome.shard
		 WHERE migration = $1 AND state = 'done' AND kind IN ('users', 'late', 'unowned', 'own_key')
		 ORDER BY ordinal`, name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	shards, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (s shard.Shard, err error) {
		var after, through []byte
		if err = row.Scan(&s.Parent, &s.Of, &s.Entry, &after, &through, &s.Cells[0], &s.Cells[1], &s.Users, &s.Weight); err == nil {
			s.Range, err = unmarshalRange(after, through)
		}
		return s, err
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return shards, nil
}

// NextAudit returns the tasks of the audit's shards that are still to be done, the heaviest first.
func (l *Ledger) NextAudit(ctx context.Context, name string) ([]shard.Task, error) {
	return l.next(ctx, name, `s.kind = 'audit'`)
}

func (l *Ledger) next(ctx context.Context, name, condition string, args ...any) ([]shard.Task, error) {
	what := "list planned shards of migration " + name
	rows, err := l.pool.Query(ctx, `
		SELECT s.migration, m.run, s.ordinal, s.generation, s.mapping_hash, `+schemaColumn+`
		  FROM rehome.shard s JOIN rehome.migration m ON m.name = s.migration
		 WHERE s.migration = $1 AND s.state = 'planned' AND `+condition+`
		 ORDER BY s.weight DESC, s.ordinal`, append([]any{name}, args...)...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return collect(rows, what, func(t *shard.Task) []any {
		return []any{&t.Migration, &t.Run, &t.Ordinal, &t.Generation, &t.Mapping, &t.Schema}
	})
}

// NextRedo returns the tasks of the redos from the given ordinal on that are still to be done, the heaviest first.
func (l *Ledger) NextRedo(ctx context.Context, name string, from int) ([]shard.Task, error) {
	return l.next(ctx, name, `s.kind = 'redo' AND s.ordinal >= $2`, from)
}

// An AuditState is how far an audit has come, or what it has had done again.
type AuditState struct {
	Planned, Done, Dead int
	Weight, Moved       int64 // planned rows of all, and of those that are done
}

// AuditState returns how far the newest audit has come; all is zero where there was none.
func (l *Ledger) AuditState(ctx context.Context, name string) (AuditState, error) {
	return l.stateOf(ctx, name, `kind = 'audit'`)
}

// RedoState returns how far the redos from the given ordinal on have come.
func (l *Ledger) RedoState(ctx context.Context, name string, from int) (AuditState, error) {
	return l.stateOf(ctx, name, `kind = 'redo' AND ordinal >= $2`, from)
}

func (l *Ledger) stateOf(ctx context.Context, name, condition string, args ...any) (s AuditState, err error) {
	err = l.pool.QueryRow(ctx, `
		SELECT count(*) FILTER (WHERE state = 'planned'), count(*) FILTER (WHERE state = 'done'), count(*) FILTER (WHERE state = 'dead'),
		       coalesce(sum(weight) FILTER (WHERE state <> 'split'), 0)::bigint, coalesce(sum(weight) FILTER (WHERE state = 'done'), 0)::bigint
		  FROM rehome.shard WHERE migration = $1 AND `+condition, append([]any{name}, args...)...).
		Scan(&s.Planned, &s.Done, &s.Dead, &s.Weight, &s.Moved)
	if err != nil {
		return s, fmt.Errorf("ask how far shards of migration %s have come: %w", name, err)
	}
	return s, nil
}

// Audited returns the sums of the newest audit over all of its shards, by entry, class, column and rule.
func (l *Ledger) Audited(ctx context.Context, name string) ([]shard.Audited, error) {
	what := "read what the audit of migration " + name + " counted"
	rows, err := l.pool.Query(ctx, `
		SELECT entry, class, column_name, rule, sum(rows)::bigint FROM rehome.audited WHERE migration = $1
		 GROUP BY entry, class, column_name, rule ORDER BY entry, class, column_name, rule`, name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return collect(rows, what, func(a *shard.Audited) []any { return []any{&a.Entry, &a.Class, &a.Column, &a.Rule, &a.Rows} })
}

// Findings returns up to limit rows in which both sides differ, as the newest audit has listed them; those that the target made before
// those that the legacy database did.
func (l *Ledger) Findings(ctx context.Context, name string, limit int) ([]shard.Finding, error) {
	what := "read what the audit of migration " + name + " found"
	rows, err := l.pool.Query(ctx, `
		SELECT class, entry, user_key, legacy_key, target_key, columns FROM rehome.finding WHERE migration = $1
		 ORDER BY class LIKE 'legacy%', class, entry, user_key, legacy_key, target_key LIMIT $2`, name, limit)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return collect(rows, what, func(f *shard.Finding) []any {
		return []any{&f.Class, &f.Entry, &f.User, &f.LegacyKey, &f.TargetKey, &f.Columns}
	})
}

// Suspects returns all units in which the newest audit found a difference, each once, in one order.
func (l *Ledger) Suspects(ctx context.Context, name string) ([]shard.Suspect, error) {
	what := "read whom the audit of migration " + name + " suspects"
	rows, err := l.pool.Query(ctx, `
		SELECT DISTINCT of_kind, entry, unit_key FROM rehome.suspect WHERE migration = $1 ORDER BY of_kind, entry, unit_key`, name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	suspects, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (s shard.Suspect, err error) {
		var raw []byte
		if err = row.Scan(&s.Of, &s.Entry, &raw); err == nil {
			s.Unit, err = keyspace.Unmarshal(raw)
		}
		return s, err
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return suspects, nil
}

// AddedRows returns up to limit rows of the target that no manifest knows, as the newest audit has listed them.
func (l *Ledger) AddedRows(ctx context.Context, name string, limit int) ([]shard.Stray, error) {
	what := "read which rows the audit of migration " + name + " found in the target alone"
	rows, err := l.pool.Query(ctx, `
		SELECT entry, target_key FROM rehome.finding WHERE migration = $1 AND class = 'added' ORDER BY entry, target_key LIMIT $2`, name, limit)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return collect(rows, what, func(s *shard.Stray) []any { return []any{&s.Entry, &s.TargetKey} })
}
