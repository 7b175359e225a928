package target

import (
	"context"
	"fmt"
)

// A Vacancy tells whether tables may lose their constraints for a load.
type Vacancy struct {
	Rows  map[string]bool // by schema.table: it holds rows
	InUse []string        // who else has a lock on which table, for a person; empty when nobody
}

// Vacant looks at the tables and at the locks on them that are neither rehome's own (by application_name) nor those of maintenance.
func Vacant(ctx context.Context, db DB, tables []string) (Vacancy, error) {
	v := Vacancy{Rows: map[string]bool{}}
	relations, err := resolve(ctx, db, tables)
	if err != nil {
		return v, err
	}
	for _, r := range relations {
		var holds bool
		if err := db.QueryRow(ctx, `SELECT EXISTS (SELECT FROM `+r.quoted()+`)`).Scan(&holds); err != nil {
			return v, classify(err, "see whether "+r.full()+" is empty", r.full())
		}
		v.Rows[r.full()] = holds
	}
	v.InUse, err = lockers(ctx, db, relations)
	return v, err
}

func lockers(ctx context.Context, db DB, relations []relation) ([]string, error) {
	// ShareUpdateExclusiveLock is that of VACUUM and ANALYZE, which also come by themselves.
	const query = `
		SELECT n.nspname || '.' || c.relname, coalesce(nullif(a.application_name, ''), 'unnamed'),
			coalesce(a.usename::text, 'unknown'), count(DISTINCT l.pid)
		FROM pg_locks AS l
		JOIN pg_class AS c ON c.oid = l.relation JOIN pg_namespace AS n ON n.oid = c.relnamespace
		LEFT JOIN pg_stat_activity AS a ON a.pid = l.pid
		WHERE l.locktype = 'relation' AND l.relation = ANY ($1) AND l.mode <> 'ShareUpdateExclusiveLock'
			AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
			AND coalesce(a.application_name, '') NOT LIKE 'rehome/%'
		GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`
	type row struct {
		Table, Application, User string
		Sessions                 int64
	}
	rows, err := collect[row](ctx, db, query, oids(relations))
	if err != nil {
		return nil, classify(err, "look for locks on the fed tables", "")
	}
	var reasons []string
	for _, r := range rows {
		reasons = append(reasons, fmt.Sprintf("%s is locked by %d session(s) of %s (user %s)", r.Table, r.Sessions, r.Application, r.User))
	}
	return reasons, nil
}
