package main_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
)

// A passage is values of one legacy type on their way to a target type, and what of them stands there at the end.
type passage struct {
	from, to string
	column   string // what feeds it, v where it is empty
	values   []arrival
}

// An arrival is one value: how the legacy server is given it, and how PostgreSQL shows it at the end. A text that begins with ! is the
// kind of the cause for which its row is set aside; what stands behind " <- " are the rules that have changed the value, a _ for each blank in
// their names.
type arrival struct{ in, out string }

const (
	maxUint64 = "18446744073709551615"
	nines     = "99999999999999999999999999999999999.999999999999999999999999999999"
)

// null arrives as it is, in every type.
var null = arrival{"NULL", "<null>"}

// numbers, bits and years.
var numberPassages = []passage{
	{"TINYINT", "smallint", "", []arrival{{"-128", "-128"}, {"127", "127"}, {"0", "0"}, null}},
	{"TINYINT(1)", "boolean", "", []arrival{{"0", "false"}, {"1", "true"}, {"2", "!out_of_range"}, {"-1", "!out_of_range"}, null}},
	{"TINYINT(1)", "boolean", "{sql: v, values: {0: false, 1: true, 2: true}, otherwise: to_null}",
		[]arrival{{"0", "false <- values"}, {"1", "true <- values"}, {"2", "true <- values"}, {"-1", "<null> <- values"}, null}},
	{"TINYINT UNSIGNED", "smallint", "", []arrival{{"255", "255"}, null}},
	{"SMALLINT", "smallint", "", []arrival{{"-32768", "-32768"}, {"32767", "32767"}, null}},
	{"SMALLINT UNSIGNED", "smallint", "{sql: v, out_of_range: to_null}", []arrival{{"32767", "32767"}, {"32768", "<null> <- out_of_range"}}},
	{"MEDIUMINT", "integer", "", []arrival{{"-8388608", "-8388608"}, {"8388607", "8388607"}}},
	{"MEDIUMINT UNSIGNED", "integer", "", []arrival{{"16777215", "16777215"}}},
	{"INT", "integer", "", []arrival{{"-2147483648", "-2147483648"}, {"2147483647", "2147483647"}, {"0", "0"}, null}},
	{"INT UNSIGNED", "integer", "", []arrival{{"2147483647", "2147483647"}, {"4294967295", "!out_of_range"}}},
	{"INT(5) UNSIGNED ZEROFILL", "text", "", []arrival{{"42", "42"}, {"4294967295", "4294967295"}}},
	{"BIGINT", "bigint", "", []arrival{{"-9223372036854775808", "-9223372036854775808"}, {"9223372036854775807", "9223372036854775807"}, null}},
	{"BIGINT UNSIGNED", "bigint", "", []arrival{{"9223372036854775807", "9223372036854775807"}, {maxUint64, "!out_of_range"}}},
	{"BIGINT UNSIGNED", "bigint", "{sql: v, out_of_range: clamp}", []arrival{{"0", "0"}, {maxUint64, "9223372036854775807 <- out_of_range"}}},
	{"BIGINT UNSIGNED", "numeric(20)", "", []arrival{{maxUint64, maxUint64}, {"0", "0"}}},
	{"DECIMAL(65,30)", "numeric", "", []arrival{{nines, nines}, {"-" + nines, "-" + nines}, {"0", "0." + strings.Repeat("0", 30)}, null}},
	{"DECIMAL(10,4)", "numeric(10,2)", "", []arrival{{"12.3400", "12.34"}, {"12.3456", "!scale"}, {"-999999.9900", "-999999.99"}}},
	{"DECIMAL(10,0)", "integer", "", []arrival{{"-7", "-7"}, {"9999999999", "!out_of_range"}}},
	{"DECIMAL(5,2) UNSIGNED", "double precision", "", []arrival{{"0.1", "0.1"}, {"999.99", "999.99"}}},
	{"FLOAT", "real", "", []arrival{{"1234567.75", "1.2345678e+06"}, {"0.1", "0.1"}, {"-3.40282e38", "-3.40282e+38"}, {"0", "0"}, null}},
	{"FLOAT", "double precision", "", []arrival{{"0.1", "0.10000000149011612"}, {"16777216", "16777216"}}},
	{"DOUBLE", "double precision", "", []arrival{{"1.7976931348623157e308", "1.7976931348623157e+308"}, {"2.2250738585072014e-308", "2.2250738585072014e-308"},
		{"123456789.123456789", "123456789.12345679"}, null}},
	{"DOUBLE", "real", "{sql: v, out_of_range: clamp}", []arrival{{"0.5", "0.5"}, {"1e300", "3.4028235e+38 <- out_of_range"}, {"0.1", "!scale"}}},
	{"BIT(1)", "boolean", "", []arrival{{"b'0'", "false"}, {"b'1'", "true"}, null}},
	{"BIT(10)", "bit(10)", "", []arrival{{"b'1000000001'", "1000000001"}, {"0", "0000000000"}, null}},
	{"BIT(64)", "bit varying", "", []arrival{{"b'" + strings.Repeat("1", 64) + "'", strings.Repeat("1", 64)}}},
	{"BIT(64)", "bigint", "", []arrival{{"5", "5"}, {"b'" + strings.Repeat("1", 64) + "'", "!out_of_range"}}},
	{"BIT(9)", "text", "v + 0", []arrival{{"b'100000000'", "256"}}},
	{"YEAR", "smallint", "", []arrival{{"1901", "1901"}, {"2155", "2155"}, {"0", "0"}, null}},
	{"YEAR", "text", "", []arrival{{"0", "0000"}, {"1999", "1999"}}},
}

// dates and times; local times are Berlin's.
var timePassages = []passage{
	{"DATE", "date", "", []arrival{{"'0001-01-01'", "0001-01-01"}, {"'9999-12-31'", "9999-12-31"}, {"'0009-12-04'", "0009-12-04"}, {"'2000-02-29'", "2000-02-29"},
		{"'0000-00-00'", "!zero_date"}, {"'2020-00-15'", "!partial_date"}, {"'2020-05-00'", "!partial_date"}, null}},
	{"DATE", "date", "{sql: v, zero_date: to_null, partial_date: first}", []arrival{{"'0000-00-00'", "<null> <- zero_date"}, {"'2020-00-15'", "2020-01-15 <- partial_date"},
		{"'2020-05-00'", "2020-05-01 <- partial_date"}, {"'0009-12-04'", "0009-12-04"}}},
	{"DATE NOT NULL", "date", `{sql: v, zero_date: "1970-01-01"}`, []arrival{{"'0000-00-00'", "1970-01-01 <- zero_date"}, {"'1970-01-01'", "1970-01-01"}}},
	{"DATE", "text", "", []arrival{{"'0000-00-00'", "0000-00-00"}, {"'2020-05-00'", "2020-05-00"}}},
	{"DATETIME", "timestamp", "", []arrival{{"'1000-01-01 00:00:00'", "1000-01-01 00:00:00"}, {"'9999-12-31 23:59:59'", "9999-12-31 23:59:59"},
		{"'2021-03-28 02:30:00'", "2021-03-28 02:30:00"}, {"'0000-00-00 00:00:00'", "!zero_date"}, null}},
	{"DATETIME(6)", "timestamp(3)", "", []arrival{{"'2020-01-01 00:00:00.123000'", "2020-01-01 00:00:00.123"}, {"'2020-01-01 00:00:00.123456'", "!scale"}}},
	{"DATETIME(6)", "timestamptz", "", []arrival{{"'2021-01-15 12:00:00.000001'", "2021-01-15 11:00:00.000001+00"}, {"'2021-07-15 12:00:00'", "2021-07-15 10:00:00+00"},
		{"'2021-03-28 02:30:00'", "!dst_gap"}, {"'2021-10-31 02:30:00'", "!dst_overlap"}}},
	{"DATETIME", "timestamptz", "{sql: v, dst_gap: forward, dst_overlap: second}", []arrival{{"'2021-03-28 02:30:00'", "2021-03-28 01:30:00+00 <- dst_gap"},
		{"'2021-10-31 02:30:00'", "2021-10-31 01:30:00+00 <- dst_overlap"}, {"'2021-10-31 03:00:00'", "2021-10-31 02:00:00+00"}}},
	{"TIMESTAMP(6) NULL", "timestamptz", "", []arrival{{"'1970-01-01 00:00:01'", "1970-01-01 00:00:01+00"}, {"'2038-01-19 03:14:07.999999'", "2038-01-19 03:14:07.999999+00"},
		{"'2021-10-31 00:30:00'", "2021-10-31 00:30:00+00"}, {"'2021-10-31 01:30:00'", "2021-10-31 01:30:00+00"}, null}},
	{"TIME(6)", "interval", "", []arrival{{"'838:59:59'", "838:59:59"}, {"'-838:59:59'", "-838:59:59"}, {"'-00:00:00.000001'", "-00:00:00.000001"}, {"'24:00:00'", "24:00:00"}, null}},
	{"TIME", "time", "", []arrival{{"'00:00:00'", "00:00:00"}, {"'23:59:59'", "23:59:59"}, {"'24:00:00'", "24:00:00"}, {"'25:00:00'", "!out_of_range"}, {"'-00:00:01'", "!out_of_range"}}},
	{"TIME", "time", "{sql: v, out_of_range: clamp}", []arrival{{"'838:59:59'", "24:00:00 <- out_of_range"}, {"'-01:00:00'", "00:00:00 <- out_of_range"}, {"'12:00:00'", "12:00:00"}}},
	{"INT", "interval", "SEC_TO_TIME(v)", []arrival{{"-90061", "-25:01:01"}, {"0", "00:00:00"}, {"2147483647", "!warning"}}},
}

// texts and bytes.
var textPassages = []passage{
	{"CHAR(5)", "character(5)", "", []arrival{{"'ab  '", "ab"}, {"''", ""}, {"'äöü€😀'", "äöü€😀"}, null}},
	{"CHAR(5)", "text", "", []arrival{{"'ab  '", "ab"}, {"''", ""}, {"' x'", " x"}, {"0x610062", "!nul_byte"}}},
	{"VARCHAR(20)", "varchar(3)", "", []arrival{{"'äöü'", "äöü"}, {"'äöü€'", "!too_long"}, {"'a  '", "a  "}, {"'abc '", "!too_long"}, {"''", ""}}},
	{"VARCHAR(20)", "varchar(3)", "{sql: v, too_long: truncate, nul_byte: strip}", []arrival{{"'äöü€'", "äöü <- too_long"}, {"0x6100620063", "abc <- nul_byte"}, {"'abc'", "abc"}}},
	{"VARCHAR(20) CHARACTER SET latin1", "text", "", []arrival{{"_latin1 0xE9", "é"}, {"_latin1 0x80", "€"}, {"_latin1 0x81", "\u0081"}}},
	{"VARCHAR(20) CHARACTER SET utf8mb3", "text", "", []arrival{{"'日本€'", "日本€"}}},
	{"TEXT", "text", "", []arrival{{"'😀 \\r\\n\\t\\\\ naïve'", "😀 \r\n\t\\ naïve"}, {"''", ""}, {"0x00", "!nul_byte"}, null}},
	{"TEXT", "text", "{sql: v, nul_byte: {to: ␀}}", []arrival{{"0x610062", "a␀b <- nul_byte"}, {"'␀'", "␀"}}},
	{"TINYTEXT", "citext", "", []arrival{{"'MiXed'", "MiXed"}}},
	{"MEDIUMTEXT", "text", "", []arrival{{"REPEAT('é', 100000)", strings.Repeat("é", 100000)}}},
	{"LONGTEXT", "text", "", []arrival{{"REPEAT('0123456789', 300000)", strings.Repeat("0123456789", 300000)}}},
	{"BLOB", "text", "{sql: v, bad_text: cp1252}", []arrival{{"0xC381676E6573", "Ágnes"}, {"0xC1676E6573", "Ágnes <- bad_text"}, {"0x8081", "€\u0081 <- bad_text"}, {"''", ""}}},
	{"BLOB", "text", `{sql: v, bad_text: {to: "?"}, nul_byte: strip}`, []arrival{{"0x61E900", "a? <- bad_text nul_byte"}, {"'?'", "?"}}},
	{"BLOB", "bytea", "", []arrival{{"0x00FF", `\x00ff`}, {"''", `\x`}, null}},
	{"TINYBLOB", "bytea", "", []arrival{{"0x5C", `\x5c`}}},
	{"MEDIUMBLOB", "bytea", "", []arrival{{"REPEAT(0x00, 70000)", `\x` + strings.Repeat("00", 70000)}}},
	{"LONGBLOB", "bytea", "", []arrival{{"0x80", `\x80`}}},
	{"BINARY(4)", "bytea", "", []arrival{{"0x00FF", `\x00ff0000`}, {"''", `\x00000000`}}},
	{"VARBINARY(4)", "bytea", "", []arrival{{"0x00FF", `\x00ff`}}},
	{"BINARY(16)", "uuid", "", []arrival{{"0x0123456789ABCDEF0123456789ABCDEF", "01234567-89ab-cdef-0123-456789abcdef"}}},
	{"CHAR(36)", "uuid", "", []arrival{{"'01234567-89AB-cdef-0123-456789abcdef'", "01234567-89ab-cdef-0123-456789abcdef"}, {"''", "!uuid"}}},
	{"ENUM('sad','ok')", "app.mood", "", []arrival{{"'ok'", "ok"}, {"0", "!values"}, null}},
	{"ENUM('sad','ok')", "app.mood", `{sql: v, values: {"": sad}, otherwise: keep}`, []arrival{{"'ok'", "ok"}, {"0", "sad <- values"}}},
	{"SET('z','ok','sad')", "text[]", "", []arrival{{"'sad,z'", "{z,sad}"}, {"''", "{}"}, {"'sad,ok,z'", "{z,ok,sad}"}, null}},
	{"SET('ok','sad')", "app.mood[]", "", []arrival{{"'sad,ok'", "{ok,sad}"}, {"''", "{}"}}},
	{"SET('a','b')", "text", "", []arrival{{"'b,a'", "a,b"}, {"''", ""}}},
	{"VARCHAR(50)", "inet", "", []arrival{{"'10.0.0.1'", "10.0.0.1/32"}, {"'::ffff:1.2.3.4'", "::ffff:1.2.3.4/128"}, {"'10.1.2.3/8'", "10.1.2.3/8"}, {"''", "!inet"}, {"'10.1'", "!inet"}}},
	{"INT UNSIGNED", "inet", "INET_NTOA(v)", []arrival{{"4294967295", "255.255.255.255/32"}, {"0", "0.0.0.0/32"}}},
	{"VARBINARY(16)", "inet", "INET6_NTOA(v)", []arrival{{"INET6_ATON('2001:db8::1')", "2001:db8::1/128"}, {"INET6_ATON('10.0.0.1')", "10.0.0.1/32"}}},
	{"VARCHAR(50)", "macaddr", "", []arrival{{"'08-00-2B-01-02-03'", "08:00:2b:01:02:03"}, {"'08002b'", "!macaddr"}}},
	{"VARCHAR(50)", "app.short", "", []arrival{{"'ok'", "ok"}, {"'longer'", "!too_long"}}},
}

// documents, shapes, and columns that are not what they seem.
var otherPassages = []passage{
	{"TEXT", "jsonb", "", []arrival{{`'{"b": 1, "aa": 2, "a": 1.50}'`, `{"a": 1.50, "b": 1, "aa": 2}`}, {`'{"a": 1, "a": 2}'`, "!json_duplicate"}, {`'"\\u0000"'`, "!json_nul"},
		{`'{"n": 12345678901234567890123.10}'`, `{"n": 12345678901234567890123.10}`}, {`'"\\ud800"'`, "!json"}, {`'NaN'`, "!json"}, {`''`, "!json"}, {`'null'`, "null"}, null}},
	{"TEXT", "jsonb", "{sql: v, json_nul: strip, json_duplicate: last}", []arrival{{`'{"a": 1, "a": 2}'`, `{"a": 2} <- json_duplicate`}, {`'"x\\u0000"'`, `"x" <- json_nul`}, {`'[]'`, "[]"}}},
	{"TEXT", "json", "", []arrival{{`'{"b": 1,"a":"\\u0000", "b": 2}'`, `{"b": 1,"a":"\u0000", "b": 2}`}, {`'{a: 1}'`, "!json"}}},
	{"JSON", "jsonb", "", []arrival{{`'[1, {"é": null}]'`, `[1, {"é": null}]`}, null}},
	{"POINT", "point", "", []arrival{{"ST_GeomFromText('POINT(1.5 -2)')", "(1.5,-2)"}, null}},
	{"GEOMETRY", "point", "", []arrival{{"ST_GeomFromText('POINT(0 0)')", "(0,0)"}, {"ST_GeomFromText('POINT(1 2)', 4326)", "!point"}, {"ST_GeomFromText('LINESTRING(0 0,1 1)')", "!point"}}},
	{"GEOMETRY", "text", "ST_AsText(v)", []arrival{{"ST_GeomFromText('LINESTRING(0 0,1 1)')", "LINESTRING(0 0,1 1)"}}},
	{"GEOMETRY", "bytea", "ST_AsBinary(v)", []arrival{{"ST_GeomFromText('POINT(1 0)')", `\x0101000000000000000000f03f0000000000000000`}}},
	{"INT INVISIBLE", "integer", "", []arrival{{"5", "5"}}},
}

var generatedPassages = []passage{
	{"INT", "integer, w integer GENERATED ALWAYS AS (v * 2) STORED", "", []arrival{{"5", "5"}}},
	{"INT, w INT AS (v * 2) STORED", "integer", "{sql: \"IF(v IS NULL, w, w)\", if_null: 0}", []arrival{{"5", "10"}, {"NULL", "0 <- if_null"}}},
	{"INT, w INT AS (v * 3) VIRTUAL", "integer", "{sql: \"v * 0 + w\"}", []arrival{{"5", "15"}}},
}

func TestEveryTypeThereAndBack(t *testing.T) {
	for group, passages := range map[string][]passage{
		"numbers": numberPassages, "dates and times": timePassages, "texts and bytes": textPassages, "documents and shapes": otherPassages, "the server's own": ownPassages,
	} {
		t.Run("pitfall 29: "+group, func(t *testing.T) { travels(t, passages) })
	}
	t.Run("pitfall 11: generated columns are read like others, and left to the target", func(t *testing.T) { travels(t, generatedPassages) })
}

// travels migrates a table for each passage, and compares what arrived, the causes and the rules with what is expected.
func travels(t *testing.T, passages []passage) *lab {
	t.Helper()
	var legacy, target, mapping strings.Builder
	legacy.WriteString("CREATE TABLE users (id INT PRIMARY KEY, name VARCHAR(20)); INSERT INTO users VALUES (1, 'a');\n")
	target.WriteString("CREATE EXTENSION citext; " + labUsersTable + " CREATE TYPE app.mood AS ENUM ('sad', 'ok'); CREATE DOMAIN app.short AS varchar(3);\n")
	mapping.WriteString(strings.Replace(labHead, "time_zone: UTC", "time_zone: Europe/Berlin", 1) + labUsers)
	var arrived, causes, rules []string
	for i, p := range passages {
		name := fmt.Sprintf("t%02d", i)
		fmt.Fprintf(&legacy, "CREATE TABLE %s (id INT PRIMARY KEY, v %s);\n", name, p.from)
		fmt.Fprintf(&target, "CREATE TABLE app.%s (id int PRIMARY KEY, v %s);\n", name, p.to)
		column := "v"
		if p.column != "" {
			column = p.column
		}
		fmt.Fprintf(&mapping, "  - {into: app.%[1]s, from: %[1]s, key: id, columns: {id: id, v: %[2]s}}\n", name, column)
		for id, v := range p.values {
			fmt.Fprintf(&legacy, "INSERT INTO %s (id, v) VALUES (%d, %s);\n", name, id, v.in)
			out, changed, _ := strings.Cut(v.out, " <- ")
			if kind, refused := strings.CutPrefix(out, "!"); refused {
				name := name
				if kind != "warning" { // which the server raises for rows
					name += ".v"
				}
				causes = append(causes, kind+":app."+name)
				continue
			}
			arrived = append(arrived, fmt.Sprintf("%s (%s to %s) %s: %s", name, p.from, p.to, v.in, out))
			for _, rule := range strings.Fields(changed) {
				rules = append(rules, rule+" in "+name)
			}
		}
	}
	l := newLab(t, legacy.String(), target.String(), mapping.String())
	exit := 0
	if len(causes) > 0 {
		exit = 4
	}
	r := l.reports(exit)
	var got []string
	for i, p := range passages {
		got = append(got, l.arrived(fmt.Sprintf("t%02d", i), p)...)
	}
	if diff := cmp.Diff(arrived, got); diff != "" {
		t.Errorf("what arrived (-want +got):\n%s", diff)
	}
	var gotCauses, gotRules []string
	for _, c := range r.Causes {
		gotCauses = append(gotCauses, slices.Repeat([]string{c.Cause}, int(c.Rows))...)
	}
	for _, rule := range r.Rules {
		gotRules = append(gotRules, slices.Repeat([]string{strings.ReplaceAll(rule.Rule, " ", "_") + " in " + strings.TrimPrefix(rule.Table, "app.")}, int(rule.Rows))...)
	}
	for what, pair := range map[string][2][]string{"causes": {causes, gotCauses}, "rules": {rules, gotRules}} {
		slices.Sort(pair[0])
		slices.Sort(pair[1])
		if diff := cmp.Diff(pair[0], pair[1]); diff != "" {
			t.Errorf("the %s of the report (-want +got):\n%s", what, diff)
		}
	}
	return l
}

func (l *lab) arrived(table string, p passage) (out []string) {
	l.Helper()
	rows, err := l.conn.Query(l.ctx, `SELECT id, coalesce(v::text, '<null>') FROM app.`+table+` ORDER BY id`)
	if err != nil {
		l.Fatal(err)
	}
	var id int
	var text string
	if _, err := pgx.ForEachRow(rows, []any{&id, &text}, func() error {
		out = append(out, fmt.Sprintf("%s (%s to %s) %s: %s", table, p.from, p.to, p.values[id].in, text))
		return nil
	}); err != nil {
		l.Fatal(err)
	}
	return out
}
