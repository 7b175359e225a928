package target

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const insufficientPrivilege = "42501"

// Lacks reports whether err came about because the session's role lacks a right.
func Lacks(err error) bool {
	var refused *refusal
	var answered *pgconn.PgError
	return errors.As(err, &refused) && refused.code == insufficientPrivilege || errors.As(err, &answered) && answered.Code == insufficientPrivilege
}

// Missing returns the statements, for an administrator, that give the session's role what a Writer needs and it has not: on the tables,
// on their schemas, and on the database.
func Missing(ctx context.Context, db DB, tables []string) ([]string, error) {
	relations, err := resolve(ctx, db, tables)
	if err != nil {
		return nil, err
	}
	const query = `
		SELECT format('GRANT USAGE ON SCHEMA %I TO %I', nspname, current_user)
		  FROM pg_namespace
		 WHERE oid IN (SELECT relnamespace FROM pg_class WHERE oid = ANY ($1)) AND NOT has_schema_privilege(oid, 'USAGE')
		UNION ALL
		SELECT format('GRANT %s ON %s TO %I', string_agg(p, ', ' ORDER BY ord), oid::regclass, current_user)
		  FROM pg_class CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) WITH ORDINALITY AS u (p, ord)
		 WHERE oid = ANY ($1) AND NOT has_table_privilege(oid, p)
		 GROUP BY oid
		UNION ALL
		SELECT format('GRANT TEMPORARY ON DATABASE %I TO %I', current_database(), current_user)
		 WHERE NOT has_database_privilege(current_database(), 'TEMPORARY')`
	rows, err := db.Query(ctx, query, oids(relations))
	if err != nil {
		return nil, classify(err, "look up which rights are missing", "")
	}
	missing, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return missing, classify(err, "look up which rights are missing", "")
}
