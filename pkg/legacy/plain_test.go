package legacy

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rehome/pkg/keyspace"
	"rehome/pkg/mapping"
	"rehome/pkg/shard"
)

// reading is one of the two ways to read rows.
type readingOf func(context.Context, *mapping.RowPlan, shard.Slice, func(shard.Row) error) error

// spelledRows spells all rows of a slice with their units and keys, in no order.
func spelledRows(t *testing.T, read readingOf, p *mapping.RowPlan, slice shard.Slice) map[string]int {
	t.Helper()
	rows := map[string]int{}
	err := read(t.Context(), p, slice, func(r shard.Row) error {
		text := fmt.Sprintf("%q %q", r.Unit, r.Key)
		for _, c := range r.Cells {
			if c == nil {
				text += " NULL"
			} else {
				text += fmt.Sprintf(" %q", []byte(c))
			}
		}
		rows[text]++
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// twoReadings compares both readings of a slice, which must have so many rows.
func twoReadings(t *testing.T, f fixture, users mapping.Keyspace, p *mapping.RowPlan, slice shard.Slice, want int) {
	t.Helper()
	s, err := f.Snapshot(t.Context(), Reading{Users: users})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	plain := spelledRows(t, s.Plain, p, slice)
	if diff := cmp.Diff(spelledRows(t, s.Rows, p, slice), plain); diff != "" {
		t.Errorf("the readings differ (-Rows +Plain):\n%s", diff)
	}
	if len(plain) != want {
		t.Errorf("%d rows, want %d", len(plain), want)
	}
}

func TestPlainCells(t *testing.T) {
	f := newFixture(t)
	for declared, values := range map[string][]string{
		"FLOAT":                             {"1234567.75", "0.1", "-0.5", "3.4028235e38", "1.17549435e-38", "16777217", "NULL", "0", "1e-45"},
		"FLOAT(7,2)":                        {"12345.67", "0.1"},
		"DOUBLE":                            {"1234567.75", "0.1", "1e300", "1.7976931348623157e308", "2.2250738585072014e-308", "0.30000000000000004", "9007199254740993"},
		"DOUBLE(20,4)":                      {"123456789012.3456", "0.1"},
		"TINYINT":                           {"-128", "127", "0"},
		"TINYINT(3) UNSIGNED ZEROFILL":      {"7", "255"},
		"MEDIUMINT UNSIGNED":                {"16777215"},
		"BIGINT UNSIGNED":                   {"18446744073709551615", "0", "9223372036854775808"},
		"BIGINT":                            {"-9223372036854775808", "9223372036854775807"},
		"DECIMAL(65,30)":                    {"-1.5", "99999999999999999999999999999999999.999999999999999999999999999999"},
		"DATE":                              {"'0000-00-00'", "'2020-00-15'", "'0009-12-04'", "'9999-12-31'"},
		"DATETIME":                          {"'0000-00-00 00:00:00'", "'2020-05-00 10:00:00'", "'2020-05-01'"},
		"DATETIME(6)":                       {"'2020-05-01 10:11:12.000001'", "'0000-00-00'"},
		"TIMESTAMP(3) NULL":                 {"'2020-05-01 10:11:12.120'", "'0000-00-00'"},
		"TIME(2)":                           {"'-838:59:59'", "'100:00:00.25'", "'0'"},
		"YEAR":                              {"0", "1901", "2155"},
		"BIT(10)":                           {"b'1000000001'", "0"},
		"BIT(1)":                            {"1", "0"},
		"VARCHAR(10) CHARACTER SET latin1":  {"_latin1 0xE9", "_latin1 0x80", "''", "NULL"},
		"VARCHAR(10) CHARACTER SET utf8mb4": {"_utf8mb4 0xF09F9880", "0x6100", "'?'"},
		"CHAR(5)":                           {"'ab  '"},
		"BINARY(4)":                         {"0x00FF"},
		"BLOB":                              {"0x00FF5C27", "''"},
		"ENUM('a','b')":                     {"'b'", "0"},
		"SET('x','y')":                      {"'y,x'", "''"},
		"JSON":                              {`'{"b": 1, "a": "\\u0041"}'`},
		"LONGTEXT":                          {"REPEAT('ä', 100000)"},
	} {
		t.Run(declared+" arrives the same way by both readings", func(t *testing.T) {
			f.exec(t, "DROP TABLE IF EXISTS t", "CREATE TABLE t (id INT PRIMARY KEY, v "+declared+")")
			for i, v := range values {
				f.exec(t, fmt.Sprintf("INSERT IGNORE INTO t VALUES (%d, %s)", i, v))
			}
			users, p := one("v", "id")
			twoReadings(t, f, users, p, shard.Slice{Kind: shard.OfUsers}, len(values))
		})
	}
}

func TestPlainSlices(t *testing.T) {
	f := newFixture(t,
		"CREATE TABLE users (name VARCHAR(20) CHARACTER SET latin1 COLLATE latin1_swedish_ci PRIMARY KEY, flag INT)",
		"CREATE TABLE posts (a INT, b BINARY(2), author VARCHAR(20) CHARACTER SET latin1 COLLATE latin1_swedish_ci, body TEXT, PRIMARY KEY (a, b), KEY (author))",
		"INSERT INTO users VALUES ('Ann', 1), ('bob', 2), ('o''neil', 3), ('Zoë', 4), ('100%_?', 5)",
		`INSERT INTO posts VALUES (1, 0x0001, 'ann', 'of Ann'), (1, 0x0002, 'ANN ', 'hers too'), (2, 0xff00, 'BOB', NULL), (3, 0x2725, 'o''neil', '?'),
			(4, 0x0000, 'nobody', 'lost'), (5, 0x0000, NULL, 'of none'), (6, 0x0000, 'zoë', ''), (7, 0x0000, '100%_?', 'odd')`)
	users := mapping.Keyspace{From: "users", Key: "name", Kinds: []keyspace.Kind{keyspace.Text}, Table: "users"}
	posts := &mapping.RowPlan{
		Into: "app.posts", From: "posts", Source: "posts", SourceName: "posts", User: "author", SourceKey: []string{"`posts`.`a`", "`posts`.`b`"},
		SourceKinds: []keyspace.Kind{keyspace.Integer, keyspace.Binary}, Select: []string{"body", "author", "a"}, Unowned: mapping.UnownedMigrate,
	}
	t.Run("rows of all users, spelled as the owners are", func(t *testing.T) {
		twoReadings(t, f, users, posts, shard.Slice{Kind: shard.OfUsers}, 6)
	})
	t.Run("of some, whose keys hold what is syntax elsewhere", func(t *testing.T) {
		only := []keyspace.Key{{"o'neil"}, {"100%_?"}, {"Zoë"}}
		twoReadings(t, f, users, posts, shard.Slice{Kind: shard.OfUsers, Only: only}, 3)
	})
	t.Run("of a range, which the server compares", func(t *testing.T) {
		r := keyspace.Range{After: keyspace.Key{"Ann"}, Through: keyspace.Key{"o'neil"}}
		twoReadings(t, f, users, posts, shard.Slice{Kind: shard.OfUsers, Range: r}, 2)
	})
	t.Run("of nobody known, by a range of a key of two columns", func(t *testing.T) {
		twoReadings(t, f, users, posts, shard.Slice{Kind: shard.Unowned, Entry: posts}, 2)
		r := keyspace.Range{After: keyspace.Key{"4", "0000"}}
		twoReadings(t, f, users, posts, shard.Slice{Kind: shard.Unowned, Entry: posts, Range: r}, 1)
		r = keyspace.Range{Through: keyspace.Key{"4", "0000"}}
		twoReadings(t, f, users, posts, shard.Slice{Kind: shard.Unowned, Entry: posts, Range: r}, 1)
	})
	t.Run("of an own key, with a condition", func(t *testing.T) {
		own := *posts
		own.User, own.Key, own.KeyKinds, own.Where = "", []string{"author", "a"}, []keyspace.Kind{keyspace.Text, keyspace.Integer}, "author IS NOT NULL AND body <> '?'"
		twoReadings(t, f, users, &own, shard.Slice{Kind: shard.OwnKey, Entry: &own}, 5)
		only := []keyspace.Key{{"ann", "1"}, {"nobody", "4"}}
		twoReadings(t, f, users, &own, shard.Slice{Kind: shard.OwnKey, Entry: &own, Only: only}, 3)
	})
	t.Run("an error of the one who reads comes back as it is, and the snapshot goes on", func(t *testing.T) {
		s, err := f.Snapshot(t.Context(), Reading{Users: users})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		enough := errors.New("enough")
		if err := s.Plain(t.Context(), posts, shard.Slice{Kind: shard.OfUsers}, func(shard.Row) error { return enough }); !errors.Is(err, enough) {
			t.Errorf("got %v", err)
		}
		if got := spelledRows(t, s.Plain, posts, shard.Slice{Kind: shard.OfUsers}); len(got) != 6 {
			t.Errorf("%d rows", len(got))
		}
	})
	t.Run("a key that is none of its kind never becomes SQL", func(t *testing.T) {
		for kind, part := range map[keyspace.Kind]string{keyspace.Integer: "1 OR TRUE", keyspace.Binary: "00' OR '1'='1", 99: "1"} {
			if text, err := literal(part, kind); err == nil {
				t.Errorf("%s: %s", kind, text)
			}
		}
	})
}

func TestPlainGather(t *testing.T) {
	f := newFixture(t, "CREATE TABLE users (id INT PRIMARY KEY, rep INT, mid INT)",
		"CREATE TABLE meta (mid INT PRIMARY KEY, uid INT, name VARCHAR(20), value TEXT, KEY (uid))",
		"INSERT INTO users VALUES (1, 10, 0), (2, 20, 0), (3, 30, 0)",
		`INSERT INTO meta VALUES (1, 1, 'town', 'Köln'), (2, 1, 'k1', 'a'), (3, 1, 'k2', '"b"'), (4, 2, 'token', 'x'), (5, 2, 'town', NULL)`)
	m := gathering(t, f)
	t.Run("attributes become cells the same way by both readings", func(t *testing.T) {
		only := []keyspace.Key{{"1"}, {"2"}, {"3"}}
		twoReadings(t, f, m.Keys, m.Plans[0], shard.Slice{Kind: shard.OfUsers, Only: only}, 3)
		s, err := f.Snapshot(t.Context(), Reading{Users: m.Keys})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		found := strings.Join(sortedKeys(spelledRows(t, s.Plain, m.Plans[0], shard.Slice{Kind: shard.OfUsers, Only: only})), "\n")
		if !strings.Contains(found, "Köln") || !strings.Contains(found, "k2") {
			t.Errorf("no attributes in\n%s", found)
		}
	})
}

func sortedKeys(m map[string]int) (keys []string) {
	for key := range m {
		keys = append(keys, key)
	}
	return keys
}
