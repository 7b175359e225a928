package ledger

import (
	"context"
	"fmt"
	"regexp"

	"github.com/jackc/pgx/v5"
)

// partitioned are the tables that have a partition for each migration.
var partitioned = []string{
	"cell", "shard", "roster", "manifest", "undone", "user_state", "set_aside", "waiting", "collision", "identity", "event",
	"account", "redo_list", "conflict", "original", "accepted",
}

var migrationName = regexp.MustCompile(`^[a-z0-9_]{1,32}$`)

// partition returns the quoted name of a table's partition. Two underscores keep it apart from every table's own name.
func partition(table, migration string) string {
	return pgx.Identifier{"rehome", table + "__" + migration}.Sanitize()
}

// createPartitions attaches instead of creating in place: CREATE TABLE … PARTITION OF would wait for, and hold up, every
// transaction of another migration.
func createPartitions(ctx context.Context, tx pgx.Tx, migration string) error {
	if !migrationName.MatchString(migration) {
		return fmt.Errorf("name a migration %q: a name is 1 to 32 of a to z, 0 to 9 and _", migration)
	}
	for _, table := range partitioned {
		parent, part := pgx.Identifier{"rehome", table}.Sanitize(), partition(table, migration)
		ddl := fmt.Sprintf(`
			CREATE TABLE %[2]s (LIKE %[1]s INCLUDING ALL);
			ALTER TABLE %[1]s ATTACH PARTITION %[2]s FOR VALUES IN ('%[3]s')`, parent, part, migration)
		if _, err := tx.Exec(ctx, ddl); err != nil {
			return fmt.Errorf("create partition %s: %w", part, err)
		}
	}
	return narrow(ctx, tx)
}

func dropPartitions(ctx context.Context, tx pgx.Tx, migration string) error {
	for _, table := range partitioned {
		if _, err := tx.Exec(ctx, `DROP TABLE IF EXISTS `+partition(table, migration)); err != nil {
			if sqlState(err) == lockNotAvailable {
				err = fmt.Errorf("%w: somebody is at work on the migration; stop its workers and whoever reads its ledger, and try again", err)
			}
			return fmt.Errorf("drop partition %s: %w", partition(table, migration), err)
		}
	}
	return nil
}
