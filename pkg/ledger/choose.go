package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"
)

// ErrEmpty is what an error wraps where the ledger has no migration at all.
var ErrEmpty = errors.New("the ledger of this target has no migration: producer run plans one")

// A ChoiceError tells that nobody can know which migration is meant.
type ChoiceError struct {
	Name string   // that was given, and that the ledger does not have; empty where none was
	Has  []string // at least one
}

// Error lists what there is.
func (e *ChoiceError) Error() string {
	has := strings.Join(e.Has, ", ")
	if e.Name == "" {
		return fmt.Sprintf("the ledger has the migrations %s: say which with --migration or REHOME_MIGRATION", has)
	}
	return fmt.Sprintf("the ledger has no migration %s: it has %s; name it with --migration or REHOME_MIGRATION", e.Name, has)
}

// Choose returns the name of the migration that is meant: the given one, or, where that is empty, the only one of the ledger. It proves the ledger's version
// first. The error is a *ChoiceError where the name does not fit, and wraps ErrEmpty where there is nothing to choose from.
func Choose(ctx context.Context, pool *pgxpool.Pool, name string) (string, error) {
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return "", fmt.Errorf("connect to the target database: %w", err)
	}
	err = CheckVersion(ctx, conn.Conn())
	conn.Release()
	if err != nil {
		return "", err
	}
	migrations, err := Open(pool).Migrations(ctx)
	if err != nil {
		return "", err
	}
	names := make([]string, len(migrations))
	for i, m := range migrations {
		names[i] = m.Name
	}
	switch {
	case len(names) == 0:
		return "", ErrEmpty
	case name == "" && len(names) == 1, slices.Contains(names, name):
		return cmp.Or(name, names[0]), nil
	}
	return "", &ChoiceError{Name: name, Has: names}
}
