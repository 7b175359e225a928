package target

import "context"

// Size returns how many bytes the tables take on disk, with what they have stored out of line and without their indexes.
func Size(ctx context.Context, db DB, tables []string) (bytes int64, err error) {
	relations, err := resolve(ctx, db, tables)
	if err != nil {
		return 0, err
	}
	err = db.QueryRow(ctx, `
		SELECT coalesce(sum(CASE WHEN c.relkind = 'p' THEN (SELECT coalesce(sum(pg_table_size(t.relid)), 0) FROM pg_partition_tree(c.oid) AS t WHERE t.isleaf)
		                         ELSE pg_table_size(c.oid) END), 0)::bigint
		FROM pg_class AS c WHERE c.oid = ANY ($1)`, oids(relations)).Scan(&bytes)
	return bytes, classify(err, "ask for the size of the fed tables", "")
}
