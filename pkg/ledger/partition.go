package ledger

import (
	"context"
	"fmt"
	"regexp"
	"slices"

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

// Prepare makes, in a transaction of its own, what Create would make for a migration of that name whatever its plan is: a plan that takes long is made
// meanwhile. Without a plan it is empty, and in nobody's way.
func Prepare(ctx context.Context, conn *pgx.Conn, migration string) error {
	return pgx.BeginTxFunc(ctx, conn, readCommitted, func(tx pgx.Tx) error { return createPartitions(ctx, tx, migration) })
}

// createPartitions attaches instead of creating in place: CREATE TABLE … PARTITION OF would wait for, and hold up, every
// transaction of another migration.
func createPartitions(ctx context.Context, tx pgx.Tx, migration string) error {
	if !migrationName.MatchString(migration) {
		return fmt.Errorf("name a migration %q: a name is 1 to 32 of a to z, 0 to 9 and _", migration)
	}
	for _, table := range partitioned {
		parent, part := pgx.Identifier{"rehome", table}.Sanitize(), partition(table, migration)
		var there bool // left empty by a reset
		if err := tx.QueryRow(ctx, `SELECT to_regclass($1) IS NOT NULL`, part).Scan(&there); err != nil {
			return fmt.Errorf("look for partition %s: %w", part, err)
		}
		if there {
			continue
		}
		ddl := fmt.Sprintf(`
			CREATE TABLE %[2]s (LIKE %[1]s INCLUDING ALL);
			ALTER TABLE %[1]s ATTACH PARTITION %[2]s FOR VALUES IN ('%[3]s')`, parent, part, migration)
		if _, err := tx.Exec(ctx, ddl); err != nil {
			return fmt.Errorf("create partition %s: %w", part, err)
		}
	}
	return narrow(ctx, tx)
}

// politely is how long statements of other migrations may wait for one that clears a partition away.
const politely = "100ms"

// dropPartitions takes all out that the ledger has of the migration, its shards first: a worker that is at one of them has its row locked.
// To drop a partition locks the whole table, and with it every migration; where another is at work it is emptied instead, and stays.
func dropPartitions(ctx context.Context, tx pgx.Tx, migration string) error {
	tables := append([]string{"shard"}, slices.DeleteFunc(slices.Clone(partitioned), func(t string) bool { return t == "shard" })...)
	free := true
	for _, table := range tables {
		part := partition(table, migration)
		err := error(nil)
		if free {
			err = attempt(ctx, tx, `DROP TABLE IF EXISTS `+part)
			free = err == nil
		}
		if !free {
			err = attempt(ctx, tx, `TRUNCATE ONLY `+part)
		}
		if sqlState(err) == lockNotAvailable {
			_, err = tx.Exec(ctx, `DELETE FROM ONLY `+part)
		}
		if sqlState(err) == lockNotAvailable {
			err = fmt.Errorf("%w: somebody is at work on the migration; stop its workers and whoever reads its ledger, and try again", err)
		}
		if err != nil {
			return fmt.Errorf("clear partition %s away: %w", part, err)
		}
	}
	return nil
}

// attempt runs a statement that gives up soon where others hold it up, and leaves tx as it was then.
func attempt(ctx context.Context, tx pgx.Tx, sql string) error {
	return pgx.BeginFunc(ctx, tx, func(part pgx.Tx) error {
		var before string
		if err := part.QueryRow(ctx, `SELECT current_setting('lock_timeout')`).Scan(&before); err != nil {
			return err
		}
		if _, err := part.Exec(ctx, `SET LOCAL lock_timeout = '`+politely+`'`); err != nil {
			return err
		}
		if _, err := part.Exec(ctx, sql); err != nil {
			return err
		}
		_, err := part.Exec(ctx, `SELECT set_config('lock_timeout', $1, true)`, before)
		return err
	})
}
