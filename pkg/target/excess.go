package target

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// A Role is what a program may do in the target database.
type Role int

// The roles.
const (
	Writer   Role = iota // reads and writes rows; no DDL
	Reader               // reads schema rehome
	Operator             // and changes there what a person decides: pauses, dead letters
)

// Excess lists what the session's role may do beyond the Role, and how to take it away, a line for each; it is empty where there is
// nothing. What everybody may do in a schema is left out.
func Excess(ctx context.Context, db DB, role Role) ([]string, error) {
	me, super, err := attributes(ctx, db)
	if err != nil || super != "" {
		return []string{super}, err
	}
	queries := []string{excessAttributes, excessMembership, excessCreate, excessOwner, excessDDL}
	switch role {
	case Reader:
		queries = append(queries, excessWrite+byPrivilege, excessRead)
	case Operator:
		queries = append(queries, excessWrite+butOperators+byPrivilege, excessRead)
	}
	var list []string
	for _, query := range queries {
		rows, err := db.Query(ctx, query)
		if err != nil {
			return nil, classify(err, "look up what role "+me+" may do", "")
		}
		found, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return nil, classify(err, "look up what role "+me+" may do", "")
		}
		list = append(list, found...)
	}
	return list, nil
}

// attributes returns the session's role, and what to say of one that may do everything.
func attributes(ctx context.Context, db DB) (me, super string, err error) {
	var is bool
	err = db.QueryRow(ctx, `SELECT rolname, rolsuper FROM pg_roles WHERE rolname = current_user`).Scan(&me, &is)
	if err != nil {
		return "", "", classify(err, "look up the session's role", "")
	}
	if is {
		super = fmt.Sprintf("role %s is a superuser: connect as another", pgx.Identifier{me}.Sanitize())
	}
	return me, super, nil
}

// Each query returns texts. Roles that the session's is a member of count, as it can set them.
const (
	excessAttributes = `
		SELECT format('role %I may %s: ALTER ROLE %I %s', rolname, a.what, rolname, a.remedy)
		  FROM pg_roles CROSS JOIN LATERAL (VALUES
		           (rolcreaterole, 'make roles', 'NOCREATEROLE'), (rolcreatedb, 'make databases', 'NOCREATEDB'),
		           (rolreplication, 'copy the whole cluster', 'NOREPLICATION'), (rolbypassrls, 'go past row security', 'NOBYPASSRLS')) AS a (has, what, remedy)
		 WHERE rolname = current_user AND a.has`

	excessMembership = `
		SELECT format('role %I is a member of %I: REVOKE %I FROM the role that has it', current_user, rolname, rolname)
		  FROM pg_roles
		 WHERE (rolsuper OR rolname IN ('pg_execute_server_program', 'pg_read_server_files', 'pg_write_server_files', 'pg_read_all_data',
		                                'pg_write_all_data', 'pg_signal_backend', 'pg_checkpoint', 'pg_maintain', 'pg_create_subscription',
		                                'pg_database_owner'))
		   AND rolname <> current_user AND pg_has_role(current_user, oid, 'MEMBER')
		 ORDER BY rolname`

	excessCreate = `
		SELECT format('role %I may make schemas in database %I: REVOKE CREATE ON DATABASE %I FROM %I', current_user, d, d, current_user)
		  FROM (SELECT current_database()) AS t (d) WHERE has_database_privilege(d, 'CREATE')
		UNION ALL
		SELECT format('role %I may make tables in schema %I: REVOKE CREATE ON SCHEMA %I FROM %I', current_user, nspname, nspname, current_user)
		  FROM pg_namespace
		 WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' AND has_schema_privilege(oid, 'CREATE')
		   AND NOT EXISTS (SELECT FROM aclexplode(nspacl) WHERE grantee = 0 AND privilege_type = 'CREATE')`

	excessOwner = `
		SELECT format('role %I owns %s: ALTER TABLE %s OWNER TO another', current_user, min(oid::regclass::text), min(oid::regclass::text))
		       || CASE WHEN count(*) > 1 THEN format(', and so on for %s more', count(*) - 1) ELSE '' END
		  FROM pg_class
		 WHERE relkind IN ('r', 'p') AND relpersistence <> 't' AND relnamespace <> 'pg_catalog'::regnamespace AND pg_has_role(current_user, relowner, 'MEMBER')
		HAVING count(*) > 0`

	excessDDL = `
		SELECT format('role %I may %s %s: REVOKE %s ON %s FROM %I', current_user, lower(p), min(oid::regclass::text), p, min(oid::regclass::text), current_user)
		       || CASE WHEN count(*) > 1 THEN format(', and so on for %s more', count(*) - 1) ELSE '' END
		  FROM pg_class CROSS JOIN unnest(ARRAY['TRUNCATE', 'TRIGGER']) AS p` + excessTables + ` AND has_table_privilege(oid, p)
		 GROUP BY p`

	excessWrite = `
		SELECT format('role %I may %s %s: REVOKE %s ON %s FROM %I', current_user, lower(p), min(oid::regclass::text), p, min(oid::regclass::text), current_user)
		       || CASE WHEN count(*) > 1 THEN format(', and so on for %s more', count(*) - 1) ELSE '' END
		  FROM pg_class CROSS JOIN unnest(ARRAY['INSERT', 'UPDATE', 'DELETE']) AS p` + excessTables + ` AND has_table_privilege(oid, p)`
	byPrivilege = ` GROUP BY p`

	// All else that an operator needs is given on columns, which is not looked at here.
	butOperators = ` AND NOT (p = 'DELETE' AND oid IS NOT DISTINCT FROM to_regclass('rehome.user_state'))`

	excessRead = `
		SELECT format('role %I may read %s: REVOKE SELECT ON %s FROM %I', current_user, min(oid::regclass::text), min(oid::regclass::text), current_user)
		       || CASE WHEN count(*) > 1 THEN format(', and so on for %s more', count(*) - 1) ELSE '' END
		  FROM pg_class` + excessTables + ` AND relnamespace IS DISTINCT FROM to_regnamespace('rehome') AND has_table_privilege(oid, 'SELECT')
		HAVING count(*) > 0`

	// An owner is told as such.
	excessTables = `
		 WHERE relkind IN ('r', 'p') AND relpersistence <> 't' AND relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
		   AND NOT pg_has_role(current_user, relowner, 'MEMBER') AND has_schema_privilege(relnamespace, 'USAGE')`
)
