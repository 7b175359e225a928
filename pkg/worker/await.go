package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"rehome/pkg/ledger"
)

// Await waits until the ledger has the migration of the given name, or, with no name, until it has exactly one, and returns its
// name. Until producer has made the ledger there is none; that it waits is said once. It ends with ctx's cause, or with an error that
// waiting does not mend.
func Await(ctx context.Context, pool *pgxpool.Pool, name string, every time.Duration, log *slog.Logger) (string, error) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for told := false; ; told = true {
		found, err := find(ctx, pool, name)
		if err != nil || found != "" {
			return found, err
		}
		if !told {
			log.InfoContext(ctx, "the ledger does not have the migration yet: waiting for producer run", "migration", name)
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("wait for a migration in the ledger: %w", context.Cause(ctx))
		case <-ticker.C:
		}
	}
}

// Present reports whether the ledger has the migration of the given name, or, with no name, any. Where there is no ledger it has none.
func Present(ctx context.Context, pool *pgxpool.Pool, name string) (bool, error) {
	names, err := named(ctx, pool, name)
	return len(names) > 0, err
}

// named returns the names of the ledger's migrations that are of the given name, or of all; of none where there is no ledger.
func named(ctx context.Context, pool *pgxpool.Pool, name string) (names []string, err error) {
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect to the target database: %w", err)
	}
	err = ledger.CheckVersion(ctx, conn.Conn())
	conn.Release()
	if errors.Is(err, ledger.ErrAbsent) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	migrations, err := ledger.Open(pool).Migrations(ctx)
	if err != nil {
		return nil, err
	}
	for _, m := range migrations {
		if m.Name == name || name == "" {
			names = append(names, m.Name)
		}
	}
	return names, nil
}

func find(ctx context.Context, pool *pgxpool.Pool, name string) (string, error) {
	names, err := named(ctx, pool, name)
	if err != nil {
		return "", err
	}
	if len(names) > 1 {
		return "", fmt.Errorf("the ledger has the migrations %s: say which with REHOME_MIGRATION", strings.Join(names, ", "))
	}
	return strings.Join(names, ""), nil
}
