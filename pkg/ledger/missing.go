package ledger

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

const insufficientPrivilege = "42501"

// Lacks reports whether err came about because the session's role lacks a right on the ledger.
func Lacks(err error) bool { return sqlState(err) == insufficientPrivilege }

// Missing returns the statements, for an administrator, that give the session's role what a worker needs of the ledger and it has not.
func Missing(ctx context.Context, conn *pgx.Conn) ([]string, error) {
	const query = `
		SELECT format('GRANT USAGE ON SCHEMA rehome TO %I', current_user) WHERE NOT has_schema_privilege(to_regnamespace('rehome'), 'USAGE')
		UNION ALL
		SELECT format('GRANT %s ON rehome.%I TO %I', string_agg(p, ', ' ORDER BY ord), relname, current_user)
		  FROM pg_class CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) WITH ORDINALITY AS u (p, ord)
		 WHERE relnamespace = to_regnamespace('rehome') AND relkind IN ('r', 'p') AND NOT relispartition
		   AND (p = 'SELECT' OR relname <> ALL ($1)) AND NOT has_table_privilege(oid, p)
		 GROUP BY relname
		UNION ALL
		SELECT format('GRANT UPDATE (paused, next_ordinal) ON rehome.migration TO %I', current_user)
		  FROM pg_class
		 WHERE relnamespace = to_regnamespace('rehome') AND relname = 'migration'
		   AND NOT (has_column_privilege(oid, 'paused', 'UPDATE') AND has_column_privilege(oid, 'next_ordinal', 'UPDATE'))
		UNION ALL
		SELECT format('GRANT USAGE ON SEQUENCE rehome.%I TO %I', relname, current_user)
		  FROM pg_class
		 WHERE relnamespace = to_regnamespace('rehome') AND CASE relkind WHEN 'S' THEN NOT has_sequence_privilege(oid, 'USAGE') END`
	rows, err := conn.Query(ctx, query, planners)
	if err == nil {
		var missing []string
		if missing, err = pgx.CollectRows(rows, pgx.RowTo[string]); err == nil {
			return missing, nil
		}
	}
	return nil, fmt.Errorf("look up which rights on the ledger are missing: %w", err)
}
