package ledger

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// planners are the tables that the producer alone writes.
var planners = []string{"version", "migration", "mapping", "accepted", "cell", "identity", "redo_list", "part", "control", "gate"}

// narrow takes from every role but the owner what nobody else needs on the ledger's tables, however it came there: default privileges
// are given for all tables of a schema alike. The planners' tables are only read by others, but for two columns of the migration that a
// worker writes when it halts the work or splits a shard; partitions are written through their parents.
func narrow(ctx context.Context, tx pgx.Tx) error {
	const query = `
		WITH given AS (
			SELECT c.oid::regclass AS name, c.relispartition AS part, c.relname, g.privilege_type AS privilege,
			       CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(g.grantee)) END AS grantee
			  FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) g
			 WHERE c.relnamespace = 'rehome'::regnamespace AND c.relkind IN ('r', 'p') AND g.grantee <> c.relowner
			   AND pg_has_role(c.relowner, 'USAGE')
			   AND (g.privilege_type IN ('TRUNCATE', 'REFERENCES', 'TRIGGER')
			        OR (c.relispartition OR c.relname = ANY ($1)) AND g.privilege_type IN ('INSERT', 'UPDATE', 'DELETE'))
		)
		SELECT format('REVOKE %s ON %s FROM %s', string_agg(privilege, ', ' ORDER BY privilege), name, grantee) FROM given GROUP BY name, grantee
		UNION ALL
		SELECT format('GRANT UPDATE (paused, next_ordinal) ON rehome.migration TO %s', grantee) FROM given
		 WHERE relname = 'migration' AND NOT part AND privilege = 'UPDATE'`
	rows, err := tx.Query(ctx, query, planners)
	if err != nil {
		return fmt.Errorf("look up who may write the ledger: %w", err)
	}
	statements, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("look up who may write the ledger: %w", err)
	}
	for _, statement := range statements {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return fmt.Errorf("narrow the rights on the ledger (%s): %w", statement, err)
		}
	}
	return nil
}
