package worker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"rehome/pkg/ledger"
)

// Await waits until the ledger has the migration of the given name, or, with no name, until it has exactly one, and returns its
// name. Until producer has made the ledger there is none. It ends with ctx's cause, or with an error that waiting does not mend.
func Await(ctx context.Context, pool *pgxpool.Pool, name string, every time.Duration) (string, error) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		found, err := find(ctx, pool, name)
		if err != nil || found != "" {
			return found, err
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("wait for a migration in the ledger: %w", context.Cause(ctx))
		case <-ticker.C:
		}
	}
}

func find(ctx context.Context, pool *pgxpool.Pool, name string) (string, error) {
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return "", fmt.Errorf("connect to the target database: %w", err)
	}
	err = ledger.CheckVersion(ctx, conn.Conn())
	conn.Release()
	if errors.Is(err, ledger.ErrAbsent) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	migrations, err := ledger.Open(pool).Migrations(ctx)
	if err != nil {
		return "", err
	}
	var names []string
	for _, m := range migrations {
		if m.Name == name || name == "" {
			names = append(names, m.Name)
		}
	}
	if len(names) > 1 {
		return "", fmt.Errorf("the ledger has the migrations %s: say which with REHOME_MIGRATION", strings.Join(names, ", "))
	}
	return strings.Join(names, ""), nil
}
