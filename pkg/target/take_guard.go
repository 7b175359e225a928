package target

import (
	"context"

	"github.com/jackc/pgx/v5"

	"rehome/pkg/shard"
)

// A cascade is a foreign key by which deleting a row would delete or change others, silently.
type cascade struct {
	Name, Table  string
	Quoted, Meet string // the referring table, and how its row c meets the row t that is to be deleted
}

func readCascades(ctx context.Context, db DB, r relation) ([]cascade, error) {
	const query = `
		SELECT con.conname::text, n.nspname || '.' || c.relname, format('%I.%I', n.nspname, c.relname),
			string_agg(format('t.%I OPERATOR(%I.%s) c.%I', ra.attname, opn.nspname, o.oprname, a.attname), ' AND ' ORDER BY k.ord)
		FROM pg_constraint AS con
		JOIN pg_class AS c ON c.oid = con.conrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
		CROSS JOIN LATERAL unnest(con.conkey, con.confkey, con.conpfeqop) WITH ORDINALITY AS k(attnum, refnum, op, ord)
		JOIN pg_attribute AS a ON a.attrelid = con.conrelid AND a.attnum = k.attnum
		JOIN pg_attribute AS ra ON ra.attrelid = con.confrelid AND ra.attnum = k.refnum
		JOIN pg_operator AS o ON o.oid = k.op JOIN pg_namespace AS opn ON opn.oid = o.oprnamespace
		WHERE con.contype = 'f' AND con.confrelid = $1 AND con.conparentid = 0 AND con.confdeltype IN ('c', 'n', 'd')
		GROUP BY con.oid, con.conname, n.nspname, c.relname ORDER BY n.nspname, c.relname, con.conname`
	found, err := collect[cascade](ctx, db, query, r.OID)
	return found, classify(err, "look up what refers to "+r.full(), r.full())
}

// refuse is an error when a row refers by the key to one of those that are to be deleted.
func (c *cascade) refuse(ctx context.Context, tx pgx.Tx, s *shape, params [][]byte, types []uint32) error {
	query := `SELECT EXISTS (SELECT FROM ` + s.quoted() + ` AS t JOIN ` + s.unnested() + ` ON ` + s.meets("k.k") +
		` JOIN ` + c.Quoted + ` AS c ON ` + c.Meet + `)`
	held := false
	err := stream(ctx, tx.Conn().PgConn(), query, params, types, "see whether rows of "+s.full()+" are referred to", s.full(),
		func(values [][]byte) error { held = values[0][0] != 0; return nil })
	if err == nil && held {
		err = shard.Failf(shard.Defect, "take rows out of %s: rows of %s refer to them by %s, which would delete or change those too; "+
			"take those first", s.full(), c.Table, c.Name)
	}
	return err
}
