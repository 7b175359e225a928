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

// remindEvery is how often it is said again that a migration is waited for.
const remindEvery = 10 * time.Minute

// Await waits until the ledger has the migration of the given name, or, with no name, until it has exactly one, and returns its
// name. Until producer has made the ledger there is none; what is waited for is said at once, when that changes, and every ten minutes. It ends with
// ctx's cause, or with an error that waiting does not mend.
func Await(ctx context.Context, pool *pgxpool.Pool, name string, every time.Duration, log *slog.Logger) (string, error) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	var said reminder
	for {
		found, err := find(ctx, pool, name)
		lack := (*missing)(nil)
		if !errors.As(err, &lack) {
			return found, err
		}
		if said.due(lack.Error(), time.Now()) {
			log.Log(ctx, lack.level(), lack.Error(), "migration", name)
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("wait for a migration in the ledger: %w", context.Cause(ctx))
		case <-ticker.C:
		}
	}
}

// A reminder tells when something is to be said that goes on.
type reminder struct {
	text string
	at   time.Time
}

// due reports whether the text is to be said now: it is another one, or was not said for long.
func (r *reminder) due(text string, now time.Time) bool {
	if text == r.text && now.Sub(r.at) < remindEvery {
		return false
	}
	r.text, r.at = text, now
	return true
}

// A missing is that the ledger does not have the migration, or, with no name, any.
type missing struct {
	name string
	has  []string // the ledger's migrations
}

// Error says what is waited for, and what to do where the name may be a wrong one.
func (m *missing) Error() string {
	switch {
	case m.name == "":
		return "the ledger has no migration yet: waiting for producer run"
	case len(m.has) == 0:
		return "the ledger has no migration yet: waiting for producer run of " + m.name
	}
	return fmt.Sprintf("the ledger has no migration %s, it has %s: waiting for producer run of %[1]s; if another is meant, start this again with its name in --migration or REHOME_MIGRATION",
		m.name, strings.Join(m.has, ", "))
}

// level is higher where the name may be a wrong one.
func (m *missing) level() slog.Level {
	if len(m.has) == 0 {
		return slog.LevelInfo
	}
	return slog.LevelWarn
}

// Present returns nil where the ledger has the migration of the given name, or, with no name, any. Else its error says what is waited for.
func Present(ctx context.Context, pool *pgxpool.Pool, name string) error {
	_, err := named(ctx, pool, name)
	return err
}

// named returns the names of the ledger's migrations that are of the given name, or all. The error is a *missing where there are none, or there is no ledger.
func named(ctx context.Context, pool *pgxpool.Pool, name string) ([]string, error) {
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect to the target database: %w", err)
	}
	err = ledger.CheckVersion(ctx, conn.Conn())
	conn.Release()
	if errors.Is(err, ledger.ErrAbsent) {
		return nil, &missing{name: name}
	}
	if err != nil {
		return nil, err
	}
	migrations, err := ledger.Open(pool).Migrations(ctx)
	if err != nil {
		return nil, err
	}
	var has []string
	for _, m := range migrations {
		if m.Name == name {
			return []string{name}, nil
		}
		has = append(has, m.Name)
	}
	if name != "" || len(has) == 0 {
		return nil, &missing{name, has}
	}
	return has, nil
}

func find(ctx context.Context, pool *pgxpool.Pool, name string) (string, error) {
	names, err := named(ctx, pool, name)
	if err != nil {
		return "", err
	}
	if len(names) > 1 {
		return "", fmt.Errorf("the ledger has the migrations %s: say which with REHOME_MIGRATION or --migration", strings.Join(names, ", "))
	}
	return names[0], nil
}
