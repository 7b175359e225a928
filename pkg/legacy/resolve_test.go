package legacy

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rehome/pkg/mapping"
	"rehome/pkg/value"
)

const everyType = `CREATE TABLE every (
	id INT UNSIGNED NOT NULL AUTO_INCREMENT,
	tiny TINYINT(1) NOT NULL, small SMALLINT, medium MEDIUMINT UNSIGNED, big BIGINT, ubig BIGINT UNSIGNED NOT NULL,
	price DECIMAL(10,2) NOT NULL, whole DECIMAL(65,0), real4 FLOAT, real8 DOUBLE, bits BIT(10),
	day DATE, local DATETIME, local6 DATETIME(6) NOT NULL, stamp TIMESTAMP(3) NULL, clock TIME(2), born YEAR,
	fixed CHAR(36), name VARCHAR(40) CHARACTER SET latin1 NOT NULL, raw BINARY(16), vraw VARBINARY(20),
	tinyt TINYTEXT, body TEXT, mediumt MEDIUMTEXT, longt LONGTEXT, tinyb TINYBLOB, data BLOB, mediumb MEDIUMBLOB, longb LONGBLOB,
	kind ENUM('a','b'), flags SET('x','y'), doc JSON,
	twice INT AS (small * 2) VIRTUAL, kept INT AS (small * 3) STORED,
	PRIMARY KEY (id), KEY by_name (name, day), UNIQUE KEY (ubig), FULLTEXT KEY (body)) ENGINE=InnoDB`

func TestCatalog(t *testing.T) {
	f := newFixture(t, everyType,
		`CREATE TABLE pair (b INT, a INT, PRIMARY KEY (a, b)) ENGINE=MyISAM`, `CREATE VIEW seen AS SELECT * FROM every`)
	c, err := f.Catalog(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Run("base tables alone are listed", func(t *testing.T) {
		if len(c.Tables) != 2 || c.Table("EVERY") == nil || c.Table("pair").Engine != "MyISAM" {
			t.Errorf("got %+v", c.Tables)
		}
	})
	t.Run("keys are in the order of the index", func(t *testing.T) {
		if got := c.Table("pair").PrimaryKey; !slices.Equal(got, []string{"a", "b"}) {
			t.Errorf("primary key %v", got)
		}
		want := [][]string{{"id"}, {"name", "day"}, {"ubig"}}
		got := c.Table("every").Indexes
		slices.SortFunc(got[1:], func(a, b []string) int { return strings.Compare(a[0], b[0]) })
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("columns have their declared types", func(t *testing.T) {
		for name, want := range map[string]value.LegacyType{
			"id":     {Name: "INT", Unsigned: true, Length: 10},
			"medium": {Name: "MEDIUMINT", Unsigned: true, Length: dialect.mediumDigits, Nullable: true},
			"price":  {Name: "DECIMAL", Length: 10, Decimals: 2},
			"local6": {Name: "DATETIME", Decimals: 6},
			"clock":  {Name: "TIME", Decimals: 2, Nullable: true},
			"name":   {Name: "VARCHAR", Length: 40},
			"raw":    {Name: "BINARY", Binary: true, Length: 16, Nullable: true},
			"kind":   {Name: "ENUM", Length: 1, Nullable: true},
			"bits":   {Name: "BIT", Binary: true, Length: 10, Nullable: true},
		} {
			if diff := cmp.Diff(want, c.Table("every").Column(name).Type); diff != "" {
				t.Errorf("%s: %s", name, diff)
			}
		}
	})
	t.Run("pitfall 11: generated columns are told, and charsets and collations", func(t *testing.T) {
		every := c.Table("every")
		if !every.Column("twice").Generated || !every.Column("kept").Generated || every.Column("id").Generated {
			t.Error("generated columns are wrong")
		}
		if n := every.Column("name"); n.Charset != "latin1" || n.Collation != "latin1_swedish_ci" {
			t.Errorf("got %+v", n)
		}
	})
	t.Run("a plain column resolves to its declared type", func(t *testing.T) {
		for _, column := range c.Table("every").Columns {
			got, err := c.Resolve.Resolve(t.Context(), "SELECT ("+quote(column.Name)+") FROM every")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]value.LegacyType{column.Type}, got.Types); diff != "" {
				t.Errorf("%s: %s", column.Name, diff)
			}
		}
	})
}

func TestResolveTypes(t *testing.T) {
	f := newFixture(t, everyType, `CREATE TABLE other (id INT PRIMARY KEY, note VARCHAR(5) NOT NULL)`)
	c, err := f.Catalog(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for expr, want := range both(dialect.types, map[string]value.LegacyType{
		"id + 1":                       {Name: "BIGINT", Unsigned: true},
		"CAST(name AS SIGNED)":         {Name: "BIGINT"},
		"price * 2":                    {Name: "DECIMAL", Length: 11, Decimals: 2},
		"price / 3":                    {Name: "DECIMAL", Length: 14, Decimals: 6, Nullable: true},
		"real4 + 0":                    {Name: "DOUBLE", Nullable: true},
		"CONCAT(name, '?')":            {Name: "VARCHAR", Nullable: true},
		"LOWER(fixed)":                 {Name: "VARCHAR", Nullable: true},
		"UNHEX(name)":                  {Name: "VARBINARY", Binary: true, Nullable: true},
		"CAST(name AS BINARY(16))":     {Name: "VARBINARY", Binary: true, Nullable: true},
		"CAST(raw AS CHAR)":            {Name: "VARCHAR", Nullable: true},
		"HEX(raw)":                     {Name: "VARCHAR", Nullable: true},
		"CONCAT(body, 'x')":            {Name: "MEDIUMTEXT", Nullable: true},
		"CONCAT(data, 'x')":            {Name: "MEDIUMBLOB", Binary: true, Nullable: true},
		"COALESCE(name, 'x')":          {Name: "VARCHAR"},
		"CONCAT(kind)":                 {Name: "VARCHAR", Nullable: true},
		"DATE(local)":                  {Name: "DATE", Nullable: true},
		"local + INTERVAL 1 DAY":       {Name: "DATETIME", Nullable: true},
		"CAST(name AS DATETIME(3))":    {Name: "DATETIME", Decimals: 3, Nullable: true},
		"NULL":                         {Name: "NULL", Nullable: true},
		"x'4142'":                      {Name: "VARBINARY", Binary: true},
		"'text'":                       {Name: "VARCHAR"},
		"(SELECT COUNT(*) FROM other)": {Name: "BIGINT", Nullable: true},
	}) {
		t.Run(expr, func(t *testing.T) {
			got, err := c.Resolve.Resolve(t.Context(), "SELECT ("+expr+"), (id) FROM every")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]value.LegacyType{want, {Name: "INT", Unsigned: true, Length: 10}}, got.Types); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run("an outer join makes a column nullable", func(t *testing.T) {
		got, err := c.Resolve.Resolve(t.Context(), "SELECT (o.note), (e.name) FROM every e LEFT JOIN other o ON o.id = e.id")
		want := []value.LegacyType{{Name: "VARCHAR", Length: 5, Nullable: true}, {Name: "VARCHAR", Length: 40}}
		if diff := cmp.Diff(want, got.Types); err != nil || diff != "" {
			t.Error(err, diff)
		}
	})
}

func TestResolveMentions(t *testing.T) {
	f := newFixture(t,
		"CREATE TABLE users (id INT PRIMARY KEY, name VARCHAR(20) NOT NULL, rep INT, `odd ``name` INT, secret INT, date DATE)",
		`CREATE TABLE posts (pid INT PRIMARY KEY, uid INT, body TEXT, KEY (uid))`,
		`INSERT INTO users VALUES (1, 'one row, read while optimizing', 1, 1, 1, NULL)`)
	c, err := f.Catalog(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	db := quote(f.name)
	for query, want := range map[string]string{
		"SELECT (name) FROM users":                                                  "users.name",
		"SELECT (u.name), (1) FROM users AS u":                                      "users.name",
		"SELECT (NAME) FROM users u WHERE u.ID = 1":                                 "users.id users.name",
		"SELECT (1) FROM users WHERE id = 1 AND rep = 3":                            "users.id users.rep",
		"SELECT (1) FROM users WHERE 1 = 0 AND rep = 3":                             "users.rep",
		"SELECT (1) FROM users WHERE id IS NULL":                                    "users.id",
		"SELECT (`odd ``name`) FROM users":                                          "users.odd `name",
		"SELECT (CONCAT(name, ' secret `secret` users.secret')) FROM users":         "users.name",
		"SELECT (CAST(name AS DATE)) FROM users":                                    "users.name",
		"SELECT (users.date) FROM users":                                            "users.date",
		"SELECT (u.name) FROM users u LEFT JOIN posts p ON p.pid = u.id":            "posts.pid users.id users.name",
		"SELECT (u.name) FROM users u JOIN posts p ON p.uid = u.id AND u.id=1":      "posts.uid users.id users.name",
		"SELECT ((SELECT MAX(pid) FROM posts WHERE uid = u.id)) FROM users u":       "posts.pid posts.uid users.id",
		"SELECT ((SELECT name FROM users WHERE id = 1)) FROM posts":                 "users.id users.name",
		"SELECT (a.name), (b.rep) FROM users a, users b WHERE a.id = b.rep":         "users.id users.name users.rep",
		"SELECT (x.name) FROM " + db + ".users x USE INDEX (PRIMARY)":               "users.name",
		"SELECT (pid) FROM posts WHERE uid IN (SELECT id FROM users WHERE rep > 5)": "posts.pid posts.uid users.id users.rep",
		"SELECT (COUNT(*)) FROM users GROUP BY rep HAVING MAX(secret) > 3":          "users.rep users.secret",
	} {
		t.Run(query, func(t *testing.T) {
			got, err := c.Resolve.Resolve(t.Context(), query)
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, ref := range got.Mentioned {
				names = append(names, ref.Table+"."+ref.Column)
			}
			slices.Sort(names)
			if diff := cmp.Diff(want, strings.Join(names, " ")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestResolveRefusals(t *testing.T) {
	f := newFixture(t, `CREATE TABLE users (id INT PRIMARY KEY, name VARCHAR(20))`, `INSERT INTO users VALUES (1, 'Agnes')`)
	c, err := f.Catalog(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]string{
		"SELECT (nam) FROM users":                 "Unknown column 'nam'",
		"SELECT (name) FROM user":                 "user' doesn't exist",
		"SELECT (name +) FROM users":              "syntax",
		"SELECT (nofunction(name)) FROM users":    "nofunction",
		"SELECT (CAST(name AS MONEY)) FROM users": dialect.unknownType,
	} {
		t.Run("the server's reason comes back: "+want, func(t *testing.T) {
			_, err := c.Resolve.Resolve(t.Context(), query)
			fault := (*mapping.QueryFault)(nil)
			if !errors.As(err, &fault) || !strings.Contains(fault.Reason, want) {
				t.Errorf("got %v", err)
			}
		})
	}
}
