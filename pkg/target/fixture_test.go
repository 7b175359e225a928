package target

import (
	"context"
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"rehome/pkg/mapping"
	"rehome/pkg/sandbox"
	"rehome/pkg/shard"
)

// open returns two sessions' worth of configuration and one session on a fresh database that the statements have filled.
func open(t testing.TB, statements ...string) (*pgx.Conn, *pgx.ConnConfig) {
	t.Helper()
	config, err := pgx.ParseConfig(sandbox.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	conn := session(t, config)
	run(t, conn, statements...)
	return conn, config
}

func session(t testing.TB, config *pgx.ConnConfig) *pgx.Conn {
	t.Helper()
	conn, err := Connect(t.Context(), config, "test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

func run(t testing.TB, db DB, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if _, err := db.Exec(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

func begin(t testing.TB, conn *pgx.Conn) (pgx.Tx, *Tx) {
	t.Helper()
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tx.Rollback(context.Background()) })
	return tx, NewTx(conn)
}

// plan returns an entry that feeds the columns of the table, its key first.
func plan(t testing.TB, db DB, table string, keys int, columns ...string) *mapping.RowPlan {
	t.Helper()
	catalog, err := Catalog(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	e := &mapping.RowPlan{Into: table, Target: catalog.Table(table)}
	for i, c := range columns {
		e.Columns = append(e.Columns, mapping.FedColumn{Name: c, Type: e.Target.Column(c).Type})
		if i < keys {
			e.KeyColumns = append(e.KeyColumns, i)
		}
	}
	return e
}

// window makes a window of rows given as the binary values of their columns.
func window(e *mapping.RowPlan, rows ...[][]byte) *shard.Window {
	w := &shard.Window{Entry: e}
	for _, values := range rows {
		w.Tuples = appendTuple(w.Tuples, values)
		w.Rows = append(w.Rows, shard.Arrived{TargetKey: appendFields(nil, values[:len(e.KeyColumns)])})
		w.Ends = append(w.Ends, len(w.Tuples))
	}
	return w
}

func int8of(n int) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n)) }

func int4of(n int) []byte { return binary.BigEndian.AppendUint32(nil, uint32(n)) }

func key(n int) []byte { return appendField(nil, int8of(n)) }

// users makes the rows from first up to but not including limit of a table of a bigint key and a text.
func users(first, limit int) (rows [][][]byte) {
	for n := first; n < limit; n++ {
		rows = append(rows, [][]byte{int8of(n), []byte(strings.Repeat("x", n%50))})
	}
	return rows
}

// tuples returns the rows as COPY spells them, sorted.
func tuples(rows [][][]byte) []string {
	var out []string
	for _, values := range rows {
		out = append(out, string(appendTuple(nil, values)))
	}
	slices.Sort(out)
	return out
}

func readBack(t testing.TB, tx *Tx, w *shard.Window) []string {
	t.Helper()
	var out []string
	if err := tx.ReadBack(t.Context(), w, func(_ int, tuple []byte) error { out = append(out, string(tuple)); return nil }); err != nil {
		t.Fatal(err)
	}
	slices.Sort(out)
	return out
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
