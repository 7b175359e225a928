package ledger

import (
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// A role that was given everything, and default privileges on what comes, keeps what a worker needs.
func TestNarrow(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	role := "narrow_" + query[string](b, `SELECT current_database()`)
	b.exec(`CREATE ROLE ` + role)
	b.exec(`GRANT USAGE ON SCHEMA rehome TO ` + role)
	b.exec(`GRANT ALL ON ALL TABLES IN SCHEMA rehome TO ` + role)
	b.exec(`ALTER DEFAULT PRIVILEGES IN SCHEMA rehome GRANT ALL ON TABLES TO ` + role)
	b.exec(`GRANT USAGE ON SEQUENCE rehome.event_id TO ` + role)
	if err := Install(t.Context(), b.connect()); err != nil {
		t.Fatal(err)
	}
	b.plan("shop")
	rows, err := b.pool.Query(t.Context(), `
		SELECT relname || ' ' || string_agg(p, ',')
		  FROM pg_class CROSS JOIN unnest(ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER', 'REFERENCES']) AS p
		 WHERE relnamespace = 'rehome'::regnamespace AND relkind IN ('r', 'p') AND has_table_privilege($1, oid, p)
		   AND (relname = ANY ($2) OR relispartition OR p IN ('TRUNCATE', 'TRIGGER', 'REFERENCES'))
		 GROUP BY relname`, role, planners)
	if err != nil {
		t.Fatal(err)
	}
	left, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if len(left) > 0 || err != nil {
		t.Errorf("error %v, what nobody but the owner needs is left: %q", err, left)
	}
	conn := b.connect()
	if _, err := conn.Exec(t.Context(), `SET ROLE `+role); err != nil {
		t.Fatal(err)
	}
	if missing, err := Missing(t.Context(), conn); err != nil || len(missing) > 0 {
		t.Errorf("error %v, what a worker needs is missing: %q", err, missing)
	}
	for _, act := range []string{`UPDATE rehome.migration SET plan = '{}'`, `UPDATE rehome.accepted__shop SET hash = ''`, `DELETE FROM rehome.part`} {
		if _, err := conn.Exec(t.Context(), act); !Lacks(err) {
			t.Errorf("%s: error %v", act, err)
		}
	}
	for _, act := range []string{`UPDATE rehome.migration SET paused = 'x'`, `UPDATE rehome.shard SET error = 'x'`, `SELECT FROM rehome.accepted__shop`} {
		if _, err := conn.Exec(t.Context(), act); err != nil {
			t.Errorf("%s: error %v", act, err)
		}
	}
}

func TestMissing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	role := "missing_" + query[string](b, `SELECT current_database()`)
	b.exec(`CREATE ROLE ` + role)
	conn := b.connect()
	if _, err := conn.Exec(t.Context(), `SET ROLE `+role); err != nil {
		t.Fatal(err)
	}
	missing, err := Missing(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"GRANT USAGE ON SCHEMA rehome TO " + role, "GRANT SELECT ON rehome.mapping TO " + role, "GRANT SELECT, INSERT, UPDATE, DELETE ON rehome.shard TO " + role,
		"GRANT UPDATE (paused, next_ordinal) ON rehome.migration TO " + role, "GRANT USAGE ON SEQUENCE rehome.event_id TO " + role,
	} {
		if !slices.Contains(missing, want) {
			t.Errorf("%s is not among %s", want, strings.Join(missing, "; "))
		}
	}
	b.exec(strings.Join(missing, "; "))
	left, err := Missing(t.Context(), conn)
	if len(left) > 0 || err != nil {
		t.Errorf("after they were run: error %v, %q", err, left)
	}
}
