// Package producer is the body of the producer program: it checks and plans a migration, publishes its shards wave by wave, ends the
// load (settling, constraints, sequences, closing counts) and comes to the verdict. It moves no row: that is the workers' part,
// who may run in the same process or on other machines.
package producer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"rehome/pkg/ledger"
	"rehome/pkg/legacy"
	"rehome/pkg/mapping"
	"rehome/pkg/queue"
	"rehome/pkg/target"
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

func refuse(format string, args ...any) error { return &Refusal{fmt.Errorf(format, args...).Error()} }

// A Stopped ends a run before its end, as it was told to; the next start goes on.
type Stopped struct{ Reason string }

// Error returns the reason.
func (s *Stopped) Error() string { return s.Reason }

func (p *Producer) name() string { return p.File.Name.Text }

func (p *Producer) ledger() *ledger.Ledger { return ledger.Open(p.Pool) }

// Check compiles the mapping against both databases as they are. The error is a mapping.Faults where it does not fit, and a *Refusal where
// the target is another than the mapping says.
func (p *Producer) Check(ctx context.Context) (c *mapping.Compiled, warnings mapping.Faults, err error) {
	if _, _, err := p.identities(ctx); err != nil {
		return nil, nil, err
	}
	c, _, warnings, err = p.compile(ctx)
	return c, warnings, err
}

// Warnings returns what about the target's server can lose rows that were committed and verified, for a person.
func (p *Producer) Warnings(ctx context.Context) ([]string, error) {
	return target.Warnings(ctx, p.Pool)
}

func (p *Producer) compile(ctx context.Context) (*mapping.Compiled, *mapping.TargetCatalog, mapping.Faults, error) {
	var from *mapping.LegacyCatalog
	var to *mapping.TargetCatalog
	reading, inner := errgroup.WithContext(ctx)
	reading.Go(func() (err error) { from, err = p.Legacy.Catalog(inner); return err })
	reading.Go(func() (err error) { to, err = target.Catalog(inner, p.Pool); return err })
	if err := reading.Wait(); err != nil {
		return nil, nil, nil, err
	}
	c, warnings, err := mapping.Compile(ctx, p.File, from, to)
	return c, to, warnings, err
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
func notPlanned(err error) bool {
	return errors.Is(err, ledger.ErrNotFound) || errors.Is(err, ledger.ErrAbsent)
}
