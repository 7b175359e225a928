//go:build mysql

package legacy

import (
	"strings"
	"testing"

	"rehome/pkg/shard"
	"rehome/pkg/value"
)

// dialect is MySQL's.
var dialect = manner{
	name:     "mysql",
	session:  map[string]string{"transaction_isolation": "REPEATABLE-READ", "max_execution_time": "0", "range_optimizer_max_mem_size": "0"},
	position: []string{"REPLICATION CLIENT ON *.*"},
	types: map[string]value.LegacyType{
		"small + 1":                           {Name: "BIGINT", Nullable: true},
		"kind + 0":                            {Name: "DOUBLE", Nullable: true},
		"local6 > '2020-01-01'":               {Name: "BIGINT"},
		"JSON_EXTRACT(doc, '$.a')":            {Name: "JSON", Nullable: true},
		"CASE WHEN tiny THEN 1 ELSE NULL END": {Name: "BIGINT", Nullable: true},
	},
	unknownType:  "syntax",
	mediumDigits: 7,
	cells: map[string][][2]string{
		"JSON":      {{`'{"b": 1, "a": "\\u0000", "b": 2}'`, `{"a": "\u0000", "b": 2}`}, {"NULL", "<nil>"}},
		"VECTOR(2)": {{"STRING_TO_VECTOR('[1,-2]')", "\x00\x00\x80?\x00\x00\x00\xc0"}},
	},
}

func TestPositionWithoutTheGrant(t *testing.T) {
	t.Run("a user who may only SELECT is told what the position takes", func(t *testing.T) {
		f := newFixture(t)
		p, err := f.as(t, "bare", "SELECT ON "+quote(f.name)+".*").Position(t.Context())
		if err != nil || p.Text != "" || p.Missing != NoPrivilege {
			t.Errorf("got %+v, %v", p, err)
		}
	})
}

func TestMySQLTypes(t *testing.T) {
	f := newFixture(t, `SET SESSION sql_generate_invisible_primary_key = ON`, `CREATE TABLE own (v VECTOR(2), doc JSON, g GEOMETRY SRID 4326, p POINT,
		hidden INT INVISIBLE DEFAULT 3, twice INT AS (hidden * 2) STORED INVISIBLE, PRIMARY KEY (hidden))`)
	c, err := f.Catalog(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	own := c.Table("own")
	t.Run("VECTOR, JSON and the geometries are types of their own", func(t *testing.T) {
		for column, want := range map[string]string{"v": "VECTOR", "doc": "JSON", "g": "GEOMETRY", "p": "POINT"} {
			if got := own.Column(column).Type; got.Name != want || got.Binary != (want != "JSON") {
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

// MySQL puts a ? in silence where MariaDB warns: nobody but the mapping's author can tell.
func TestMySQLIsSilentAboutACharacterThatIsNotThere(t *testing.T) {
	f := newFixture(t, `CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20))`, `INSERT INTO t VALUES (2, 'x')`)
	users, p := one("CONVERT(CONCAT(v, '日') USING latin1)")
	got, err := cells(t.Context(), f.snapshot(t, Reading{Users: users}), p, shard.Slice{Kind: shard.OfUsers})
	if err != nil || !strings.Contains(got["2"][0], "?") {
		t.Errorf("got %v, %v: if MySQL warns by now, move the MariaDB test of it to those of both", got, err)
	}
}
