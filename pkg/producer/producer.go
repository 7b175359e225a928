// Package producer is the body of the producer program: it checks and plans a migration, publishes its shards wave by wave, ends the
// load (settling, constraints, sequences, closing counts) and comes to the verdict. It moves no row: that is the workers' part,
// who may run in the same process or on other machines.
package producer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"rehome/pkg/ledger"
	"rehome/pkg/legacy"
	"rehome/pkg/mapping"
	"rehome/pkg/plan"
	"rehome/pkg/queue"
	"rehome/pkg/target"
	"rehome/pkg/worker"
)

// A Producer works on one migration. Queue may be nil where nothing is published; all else is required.
type Producer struct {
	File    *mapping.File
	Legacy  *legacy.DB
	Pool    *pgxpool.Pool // sessions of target.Pool, as the tables' owner
	Queue   *queue.Conn
	Log     *slog.Logger
	Version string
}

// A Refusal is a guard that refuses to go on, so that nothing is lost.
type Refusal struct{ Reason string }

// Error returns the reason, which says what to do.
func (r *Refusal) Error() string { return r.Reason }

func refuse(format string, args ...any) error { return &Refusal{fmt.Sprintf(format, args...)} }

// A Stopped ends a run before its end, as it was told to; the next start goes on.
type Stopped struct{ Reason string }

// Error returns the reason.
func (s *Stopped) Error() string { return s.Reason }

func (p *Producer) name() string { return p.File.Name.Text }

func (p *Producer) ledger() *ledger.Ledger { return ledger.Open(p.Pool) }

// Check compiles the mapping against both databases as they are. The error is a mapping.Faults where it does not fit.
func (p *Producer) Check(ctx context.Context) (c *mapping.Compiled, warnings mapping.Faults, err error) {
	c, _, warnings, err = p.compile(ctx)
	return c, warnings, err
}

func (p *Producer) compile(ctx context.Context) (*mapping.Compiled, *mapping.TargetCatalog, mapping.Faults, error) {
	from, err := p.Legacy.Catalog(ctx)
	if err != nil {
		return nil, nil, nil, err
	}
	to, err := target.Catalog(ctx, p.Pool)
	if err != nil {
		return nil, nil, nil, err
	}
	c, warnings, err := mapping.Compile(ctx, p.File, from, to)
	return c, to, warnings, err
}

// A run is one migration of which the ledger has a plan.
type run struct {
	*Producer
	ledger  *ledger.Ledger
	m       *ledger.Migration
	planned plan.Record
	mapping *mapping.Compiled
}

// open loads a migration that is planned; the error wraps ledger.ErrNotFound where there is none. It refuses a mapping, a legacy
// database or a target other than those the plan was made with.
func (p *Producer) open(ctx context.Context) (*run, error) {
	r := &run{Producer: p, ledger: p.ledger()}
	m, err := r.ledger.Load(ctx, p.name())
	if err != nil {
		return nil, err
	}
	r.m = m
	if err := json.Unmarshal(m.Plan, &r.planned); err != nil {
		return nil, fmt.Errorf("read the plan of migration %s in the ledger: %w", m.Name, err)
	}
	if err := p.sameDatabases(ctx, m); err != nil {
		return nil, err
	}
	canonical, err := r.ledger.Mapping(ctx, m.Mapping)
	if err != nil {
		return nil, err
	}
	if err := p.sameMapping(canonical, m); err != nil {
		return nil, err
	}
	if p.File.Legacy.TimeZone.Text != r.planned.TimeZone {
		return nil, refuse("legacy.time_zone is %q, and migration %s was planned with %q: put it back, or reset and plan again",
			p.File.Legacy.TimeZone.Text, m.Name, r.planned.TimeZone)
	}
	r.mapping, err = worker.Compile(ctx, p.Legacy, canonical, m)
	if err == nil && r.mapping.Fingerprint != m.Fingerprint {
		err = &Stopped{fmt.Sprintf("the legacy schema is not what it was when migration %s was planned: undo the change, or reset and plan again", m.Name)}
	}
	return r, err
}

// sameDatabases guards against a ledger that was made from another legacy server or database, and a target that is a copy of another.
func (p *Producer) sameDatabases(ctx context.Context, m *ledger.Migration) error {
	from, to, err := p.identities(ctx)
	switch {
	case err != nil:
		return err
	case from != m.Legacy:
		return refuse("migration %s in this target's ledger was planned from another legacy database than LEGACY_DSN names: use that one, or another name", m.Name)
	case to != m.Target:
		return refuse("the ledger of migration %s was made for another target database than this one, as in a restored copy: use that one, or reset", m.Name)
	}
	return nil
}

func (p *Producer) identities(ctx context.Context) (from, to string, err error) {
	if from, err = p.Legacy.Identity(ctx); err != nil {
		return "", "", err
	}
	id, err := target.Identify(ctx, p.Pool)
	if err != nil {
		return "", "", err
	}
	if want := p.File.Target.Database.Text; want != "" && want != id.Database {
		return "", "", refuse("TARGET_DSN leads to database %s, and target.database says %s", id.Database, want)
	}
	return from, fmt.Sprintf("%d/%d", id.System, id.OID), nil
}

// sameMapping refuses a mapping that means something else than the one that the plan was made from.
func (p *Producer) sameMapping(canonical []byte, m *ledger.Migration) error {
	if mapping.Hash(p.File) == m.Mapping {
		return nil
	}
	old, err := mapping.Decode(canonical)
	if err != nil {
		return err
	}
	lines := "\n"
	for _, line := range mapping.Changes(old, p.File) {
		lines += "  " + line + "\n"
	}
	return refuse("the mapping is not the one that migration %s was planned with:%sput these back, or take the migration out with reset and plan again", m.Name, lines)
}

// fed returns the target's fed tables, each once.
func fed(c *mapping.Compiled) []string {
	var tables []string
	for _, plan := range c.Plans {
		if !slices.Contains(tables, plan.Into) {
			tables = append(tables, plan.Into)
		}
	}
	return tables
}

// conn runs do with one session of the pool.
func (p *Producer) conn(ctx context.Context, do func(*pgx.Conn) error) error {
	pooled, err := p.Pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("connect to the target database: %w", err)
	}
	defer pooled.Release()
	return do(pooled.Conn())
}

// inTx runs do in one transaction of the target.
func (p *Producer) inTx(ctx context.Context, do func(pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, p.Pool, do)
}

// notPlanned reports whether the error says that the ledger, or its plan of the migration, is not there.
func notPlanned(err error) bool { return errors.Is(err, ledger.ErrNotFound) }
