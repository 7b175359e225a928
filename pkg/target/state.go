package target

import (
	"context"
	"slices"
)

// A ConstraintState tells how a constraint or unique index of a fed table stands.
type ConstraintState struct {
	Name, Table string // Table is schema.table
	State       string
	Violations  int64 // rows that break it, where it is violated
}

// The states of a constraint.
const (
	ConstraintValid    = "valid"    // enforced, and proved over all rows
	ConstraintViolated = "violated" // there, not proved, and rows break it
	ConstraintOff      = "off"      // taken off for the load, not enforced, or not proved though no row breaks it
)

// State returns every constraint and unique index of the tables, and those of the parts taken off that are not back.
func State(ctx context.Context, db DB, tables []string, off []Part) ([]ConstraintState, error) {
	relations, err := resolve(ctx, db, tables)
	if err != nil {
		return nil, err
	}
	const query = `
		SELECT con.conname::text, n.nspname || '.' || c.relname, con.convalidated
			AND coalesce((to_jsonb(con) ->> 'conenforced')::bool, true), con.oid, con.contype = 'c',
			coalesce(CASE WHEN con.contype = 'c' THEN pg_get_expr(con.conbin, con.conrelid) END, '')
		FROM pg_constraint AS con
		JOIN pg_class AS c ON c.oid = con.conrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
		WHERE con.conrelid = ANY ($1) AND con.contype IN ('p', 'u', 'f', 'c', 'x')
			AND (con.contype <> 'f' OR con.conparentid = 0
				OR con.conrelid <> (SELECT p.conrelid FROM pg_constraint AS p WHERE p.oid = con.conparentid))
		UNION ALL
		SELECT ic.relname::text, n.nspname || '.' || c.relname, i.indisvalid, 0::oid, false, ''
		FROM pg_index AS i JOIN pg_class AS ic ON ic.oid = i.indexrelid
		JOIN pg_class AS c ON c.oid = i.indrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
		WHERE i.indrelid = ANY ($1) AND i.indisunique
			AND NOT EXISTS (SELECT FROM pg_constraint AS con WHERE con.conindid = i.indexrelid AND con.contype IN ('p', 'u', 'x'))
		ORDER BY 2, 1`
	rows, err := collect[standing](ctx, db, query, oids(relations))
	if err != nil {
		return nil, classify(err, "read the constraints of the fed tables", "")
	}
	states := make([]ConstraintState, 0, len(rows))
	for _, r := range rows {
		state := ConstraintState{Name: r.Name, Table: r.Table, State: ConstraintValid}
		if !r.Valid {
			if state.Violations, err = r.violations(ctx, db, relations); err != nil {
				return nil, err
			}
			state.State = ConstraintOff
			if state.Violations > 0 {
				state.State = ConstraintViolated
			}
		}
		states = append(states, state)
	}
	return append(states, missing(states, off)...), nil
}

func missing(states []ConstraintState, off []Part) []ConstraintState {
	var out []ConstraintState
	for _, p := range off {
		there := slices.ContainsFunc(states, func(s ConstraintState) bool { return s.Table == p.Table && s.Name == p.Name })
		if !there {
			out = append(out, ConstraintState{Name: p.Name, Table: p.Table, State: ConstraintOff})
		}
	}
	return out
}

// A standing is a constraint as the catalog shows it.
type standing struct {
	Name, Table string
	Valid       bool
	OID         uint32
	Check       bool
	Expression  string // of a check constraint
}

// violations counts the rows that break a constraint which is not proved. Of a foreign key to a table that is not among the given, and
// of an index that is not valid, it knows none.
func (s *standing) violations(ctx context.Context, db DB, relations []relation) (count int64, err error) {
	var from string
	if s.Check {
		at := slices.IndexFunc(relations, func(r relation) bool { return r.full() == s.Table })
		from = relations[at].quoted() + ` WHERE NOT (` + s.Expression + `)`
	} else {
		keys, err := foreignKeys(ctx, db, relations)
		if err != nil {
			return 0, err
		}
		at := slices.IndexFunc(keys, func(k foreignKey) bool { return k.OID == s.OID })
		if at < 0 {
			return 0, nil
		}
		from = keys[at].Part.orphaned()
	}
	err = db.QueryRow(ctx, `SELECT count(*) FROM `+from).Scan(&count)
	return count, classify(err, "count what breaks "+s.Name+" of "+s.Table, s.Table)
}
