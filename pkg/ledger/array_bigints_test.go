package ledger

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
)

func TestBigintsOfAnArray(t *testing.T) {
	b := newBench(t)
	read := func(sql string) ([]int64, error) {
		t.Helper()
		rows, err := b.pool.Query(t.Context(), sql, pgx.QueryResultFormats{pgx.BinaryFormatCode})
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		if !rows.Next() {
			t.Fatal(rows.Err())
		}
		return appendBigints(nil, rows.RawValues()[0])
	}
	for sql, want := range map[string][]int64{
		`SELECT '{}'::bigint[]`:                               nil,
		`SELECT '{1,NULL,-9223372036854775808,NULL}'::int8[]`: {1, -1 << 63},
		`SELECT '{NULL}'::bigint[]`:                           nil,
	} {
		got, err := read(sql)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Error(sql, err, diff)
		}
	}
	for _, sql := range []string{`SELECT '{1}'::int4[]`, `SELECT '\x'::bytea`, `SELECT '\x000000010000000000000014000000'::bytea`} {
		if got, err := read(sql); err == nil {
			t.Errorf("%s: %v", sql, got)
		}
	}
}
