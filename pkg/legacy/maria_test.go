//go:build !mysql

package legacy

import (
	"strings"
	"testing"

	"rehome/pkg/keyspace"
	"rehome/pkg/shard"
	"rehome/pkg/value"
)

// dialect is MariaDB's, whose JSON is a LONGTEXT with a check.
var dialect = manner{
	name:    "mariadb",
	session: map[string]string{"tx_isolation": "REPEATABLE-READ", "max_statement_time": "0", "in_predicate_conversion_threshold": "0"},
	types: map[string]value.LegacyType{
		"small + 1":                           {Name: "INT", Nullable: true},
		"kind + 0":                            {Name: "INT", Nullable: true},
		"local6 > '2020-01-01'":               {Name: "INT"},
		"JSON_EXTRACT(doc, '$.a')":            {Name: "LONGTEXT", Nullable: true},
		"CASE WHEN tiny THEN 1 ELSE NULL END": {Name: "INT", Nullable: true},
	},
	unknownType:  "Unknown data type",
	mediumDigits: 8,
	cells: map[string][][2]string{
		"JSON":  {{`'{"b": 1, "a": "\\u0000"}'`, `{"b": 1, "a": "\u0000"}`}, {`'{"a": 1, "a": 2}'`, `{"a": 1, "a": 2}`}},
		"UUID":  {{"'2290C634-b71f-5ad5-82dc-8667044d17d8'", "2290c634-b71f-5ad5-82dc-8667044d17d8"}, {"NULL", "<nil>"}},
		"INET6": {{"'::ffff:10.0.0.1'", "::ffff:10.0.0.1"}, {"'2001:DB8::1'", "2001:db8::1"}, {"'::'", "::"}},
		"INET4": {{"'10.0.0.1'", "10.0.0.1"}, {"'0.0.0.0'", "0.0.0.0"}},
	},
}

func TestACharacterThatIsNotThere(t *testing.T) {
	t.Run("pitfall 32: a character that the charset lacks is a fault of its row", func(t *testing.T) {
		f := newFixture(t, `CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20))`, `INSERT INTO t VALUES (2, 'secret')`)
		users, p := one("CONVERT(CONCAT(v, '日') USING latin1)")
		_, err := cells(t.Context(), f.snapshot(t, Reading{Users: users}), p, shard.Slice{Kind: shard.OfUsers, Only: []keyspace.Key{{"2"}}})
		if kind, cause := shard.KindOf(err); err == nil || kind != shard.Data || cause != "warning:app.t" || !strings.Contains(err.Error(), "(1977)") {
			t.Errorf("got %v", err)
		}
	})
}

func TestMariaDBTypes(t *testing.T) {
	f := newFixture(t, `CREATE TABLE own (id UUID PRIMARY KEY, a INET4, b INET6, doc JSON, hidden INT INVISIBLE DEFAULT 3, twice INT AS (hidden * 2) INVISIBLE)`)
	c, err := f.Catalog(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	own := c.Table("own")
	t.Run("UUID and INET are types of their own, and JSON is text", func(t *testing.T) {
		for column, want := range map[string]string{"id": "UUID", "a": "INET4", "b": "INET6", "doc": "LONGTEXT"} {
			if got := own.Column(column).Type; got.Name != want || got.Binary {
				t.Errorf("%s is %+v", column, got)
			}
		}
	})
	t.Run("invisible columns are seen", func(t *testing.T) {
		if own.Column("hidden") == nil || own.Column("twice") == nil || !own.Column("twice").Generated {
			t.Errorf("got %+v", own.Columns)
		}
	})
}
