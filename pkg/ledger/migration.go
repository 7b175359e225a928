package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// A State is how far a migration has come.
type State string

// The states of a migration, in their order.
const (
	Planned  State = "planned"  // the plan is committed, nothing is asked of anybody yet
	Loading  State = "loading"  // shards are done
	Settling State = "settling" // all shards have ended; settling, constraints, closing counts
	Finished State = "finished" // the verdict stands
)

// A Migration is one migration's row.
type Migration struct {
	Name            string
	Run             string // drawn by Create: tells this plan from an earlier one of the same name
	State           State
	Mapping         string // hash of the mapping the plan was made from
	Fingerprint     string // of both schemas
	Legacy, Target  string // identities of the two databases
	Secret          []byte // drawn by Create: keys the hashes by which text keys leave the ledger
	PositionPlanned string // of the legacy binlog when the plan was made; empty without one
	PositionClosed  string // and when the closing counts were taken
	Consistency     string
	Halted          *string // why all work is halted; nil while it is not
	StartedAt       time.Time
	FinishedAt      *time.Time
	Plan            json.RawMessage // the producer's own: counts per entry and the like
	Closing         json.RawMessage // closing counts; nil before they are taken
	Verdict         json.RawMessage // nil before there is one
}

const migrationColumns = `name, run, state, mapping_hash, fingerprint, legacy_identity, target_identity, secret,
	position_planned, position_closed, consistency, paused, started_at, finished_at, plan, nullif(closing, '{}'), verdict`

func scanMigration(row pgx.CollectableRow) (Migration, error) {
	var m Migration
	err := row.Scan(&m.Name, &m.Run, &m.State, &m.Mapping, &m.Fingerprint, &m.Legacy, &m.Target, &m.Secret,
		&m.PositionPlanned, &m.PositionClosed, &m.Consistency, &m.Halted, &m.StartedAt, &m.FinishedAt, &m.Plan, &m.Closing, &m.Verdict)
	return m, err
}

// Migrations returns all migrations of the ledger by name.
func (l *Ledger) Migrations(ctx context.Context) ([]Migration, error) {
	rows, err := l.pool.Query(ctx, `SELECT `+migrationColumns+` FROM rehome.migration ORDER BY name`)
	if err == nil {
		var out []Migration
		if out, err = pgx.CollectRows(rows, scanMigration); err == nil {
			return out, nil
		}
	}
	return nil, fmt.Errorf("list the ledger's migrations: %w", err)
}

// Load returns one migration; the error wraps ErrNotFound if there is none of that name.
func (l *Ledger) Load(ctx context.Context, name string) (*Migration, error) {
	return load(ctx, l.pool, name)
}

func load(ctx context.Context, s session, name string) (*Migration, error) {
	rows, err := s.Query(ctx, `SELECT `+migrationColumns+` FROM rehome.migration WHERE name = $1`, name)
	if err != nil {
		return nil, fmt.Errorf("load migration %s from the ledger: %w", name, err)
	}
	m, err := pgx.CollectExactlyOneRow(rows, scanMigration)
	if err != nil {
		return nil, fmt.Errorf("load migration %s from the ledger: %w", name, absent(err))
	}
	return &m, nil
}

// Mapping returns the canonical form of the mapping with that hash; the error wraps ErrNotFound if the ledger has never seen it.
func (l *Ledger) Mapping(ctx context.Context, hash string) ([]byte, error) {
	var canonical []byte
	if err := l.pool.QueryRow(ctx, `SELECT canonical FROM rehome.mapping WHERE hash = $1`, hash).Scan(&canonical); err != nil {
		return nil, fmt.Errorf("load mapping %s from the ledger: %w", hash, absent(err))
	}
	return canonical, nil
}

func absent(err error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return ErrNotFound
	}
	return err
}

// SetState moves the migration to a state.
func (l *Ledger) SetState(ctx context.Context, name string, state State) error {
	return l.update(ctx, name, "set the state", `UPDATE rehome.migration SET state = $2 WHERE name = $1`, state)
}

// SetClosing stores what was counted at the end, where the legacy binlog stood then, and the consistency that was proved.
func (l *Ledger) SetClosing(ctx context.Context, name string, closing json.RawMessage, position, consistency string) error {
	return l.update(ctx, name, "store the closing counts", `
		UPDATE rehome.migration SET closing = $2, position_closed = $3, consistency = $4 WHERE name = $1`, closing, position, consistency)
}

// SetVerdict stores the verdict, and finishes the migration. It was finished when it first came to this verdict.
func (l *Ledger) SetVerdict(ctx context.Context, name string, verdict json.RawMessage) error {
	return l.update(ctx, name, "store the verdict", `
		UPDATE rehome.migration
		   SET verdict = $2, state = 'finished', finished_at = CASE WHEN verdict = $2::jsonb AND finished_at IS NOT NULL THEN finished_at ELSE now() END
		 WHERE name = $1`, verdict)
}

// Halt stops all new claims, whatever the queue does, until Lift: something is wrong with the migration as a whole, and a person has to look. The
// reason is shown to the operator. Pause is what an operator wants.
func (l *Ledger) Halt(ctx context.Context, name, reason string) error {
	return l.inTx(ctx, func(tx pgx.Tx) error {
		if err := update(ctx, tx, name, "halt the work", `UPDATE rehome.migration SET paused = $2 WHERE name = $1`, reason); err != nil {
			return err
		}
		return event(ctx, tx, name, -1, 0, 0, "halted", map[string]string{"reason": reason})
	})
}

// Lift ends what Halt began; it is no error when nothing is halted.
func (l *Ledger) Lift(ctx context.Context, name string) error {
	return l.inTx(ctx, func(tx pgx.Tx) error {
		if err := update(ctx, tx, name, "let the work go on", `UPDATE rehome.migration SET paused = NULL WHERE name = $1`); err != nil {
			return err
		}
		return event(ctx, tx, name, -1, 0, 0, "lifted", struct{}{})
	})
}

func (l *Ledger) update(ctx context.Context, name, what, sql string, args ...any) error {
	return update(ctx, l.pool, name, what, sql, args...)
}

// update runs a statement that must hit the one row of the migration, which is $1.
func update(ctx context.Context, s session, name, what, sql string, args ...any) error {
	tag, err := s.Exec(ctx, sql, append([]any{name}, args...)...)
	if err == nil && tag.RowsAffected() == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("%s of migration %s in the ledger: %w", what, name, err)
	}
	return nil
}
