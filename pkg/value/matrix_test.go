package value_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rehome/pkg/value"
)

var update = flag.Bool("update", false, "write testdata/matrix.txt anew")

// everyLegacyType are all column types of MySQL and MariaDB, as their catalogs name them.
var everyLegacyType = []value.LegacyType{
	{Name: "TINYINT", Length: 3}, {Name: "TINYINT", Unsigned: true, Length: 3}, {Name: "SMALLINT", Length: 5}, {Name: "SMALLINT", Unsigned: true, Length: 5},
	{Name: "MEDIUMINT", Length: 7}, {Name: "MEDIUMINT", Unsigned: true, Length: 7}, {Name: "INT", Length: 10}, {Name: "INT", Unsigned: true, Length: 10},
	{Name: "BIGINT", Length: 19}, {Name: "BIGINT", Unsigned: true, Length: 20}, {Name: "DECIMAL", Length: 65, Decimals: 30}, {Name: "FLOAT"}, {Name: "DOUBLE"},
	{Name: "BIT", Binary: true, Length: 1}, {Name: "BIT", Binary: true, Length: 10}, {Name: "YEAR"}, {Name: "DATE"}, {Name: "TIME", Decimals: 6},
	{Name: "DATETIME", Decimals: 6}, {Name: "TIMESTAMP", Decimals: 6}, {Name: "CHAR", Length: 36}, {Name: "VARCHAR", Length: 40}, {Name: "TINYTEXT"}, {Name: "TEXT"},
	{Name: "MEDIUMTEXT"}, {Name: "LONGTEXT"}, {Name: "ENUM"}, {Name: "SET"}, {Name: "JSON"}, {Name: "BINARY", Binary: true, Length: 16},
	{Name: "VARBINARY", Binary: true, Length: 40}, {Name: "TINYBLOB", Binary: true}, {Name: "BLOB", Binary: true}, {Name: "MEDIUMBLOB", Binary: true},
	{Name: "LONGBLOB", Binary: true}, {Name: "UUID"}, {Name: "INET4"}, {Name: "INET6"}, {Name: "GEOMETRY", Binary: true}, {Name: "POINT", Binary: true},
	{Name: "LINESTRING", Binary: true}, {Name: "POLYGON", Binary: true}, {Name: "MULTIPOINT", Binary: true}, {Name: "MULTILINESTRING", Binary: true},
	{Name: "MULTIPOLYGON", Binary: true}, {Name: "GEOMCOLLECTION", Binary: true}, {Name: "VECTOR", Binary: true}, {Name: "NULL"},
}

var everyTargetType = []value.TargetType{
	target("boolean"), target("smallint"), target("integer"), target("bigint"), target("numeric"), limited("numeric", 10<<16|2+4), target("real"),
	target("double precision"), target("text"), target("citext"), limited("character varying", 44), limited("character", 9), mood, target("uuid"), target("bytea"),
	target("json"), target("jsonb"), target("date"), target("time without time zone"), target("timestamp without time zone"), target("timestamp with time zone"),
	target("interval"), limited("interval", 0x7fff<<16|3), limited("interval", 0xc00<<16|0xffff), limited("bit", 1), limited("bit", 10), target("bit varying"), target("inet"),
	target("cidr"), target("macaddr"), target("macaddr8"), target("point"), list(target("text")), list(mood), list(target("integer")),
	target("time with time zone"), target("money"), target("oid"), target("xml"), target("name"), target("tsvector"), target("hstore"), target("public.geometry"),
	target("box"), {Name: "int4range", Kind: 'r', Typmod: -1}, {Name: "app.pair", Kind: 'c', Typmod: -1},
}

func list(of value.TargetType) value.TargetType {
	return value.TargetType{Name: of.Name + "[]", Kind: 'b', Typmod: -1, Element: &of}
}

func legacyName(t value.LegacyType) string {
	name := t.Name
	if t.Name == "BIT" {
		name = fmt.Sprintf("BIT(%d)", t.Length)
	}
	if t.Unsigned {
		name += " UNSIGNED"
	}
	return name
}

func targetName(t value.TargetType) string {
	switch {
	case t.Typmod >= 0 && t.Name == "bit":
		return fmt.Sprintf("bit(%d)", t.Typmod)
	case t.Typmod >= 0 && t.Name == "interval" && t.Typmod>>16 == 0x7fff:
		return "interval(3)"
	case t.Typmod >= 0 && t.Name == "interval":
		return "interval hour to minute"
	case t.Typmod >= 0:
		return t.Name + "(n)"
	}
	return t.Name
}

// matrix says for each legacy type what it becomes by itself, and for all other types what producer check says; what is the same
// stands together.
func matrix() string {
	var out strings.Builder
	out.WriteString("What each legacy type becomes by itself, and what producer check says of all others. (go test ./pkg/value -run Matrix -update)\n\nNOTHING BECOMES\n")
	var supported []value.TargetType
	for _, to := range everyTargetType {
		if _, err := value.Compile(value.LegacyType{Name: "NULL"}, to, value.Rules{}); err != nil {
			fmt.Fprintf(&out, "  %s: %s\n", targetName(to), advice(err))
			continue
		}
		supported = append(supported, to)
	}
	var names []string
	var same string
	for i, from := range everyLegacyType {
		names = append(names, legacyName(from))
		if block := becomes(from, supported); block != same || i == 0 {
			same = block
		}
		if i+1 == len(everyLegacyType) || becomes(everyLegacyType[i+1], supported) != same {
			fmt.Fprintf(&out, "\n%s\n%s", strings.Join(names, ", "), same)
			names = nil
		}
	}
	return out.String()
}

func advice(err error) string {
	_, advice, _ := strings.Cut(err.Error(), ": ")
	return advice
}

func becomes(from value.LegacyType, supported []value.TargetType) string {
	var out strings.Builder
	var free, order []string
	others := map[string][]string{}
	for _, to := range supported {
		_, err := value.Compile(from, to, value.Rules{})
		if err == nil {
			free = append(free, targetName(to))
			continue
		}
		if others[advice(err)] == nil {
			order = append(order, advice(err))
		}
		others[advice(err)] = append(others[advice(err)], targetName(to))
	}
	fmt.Fprintf(&out, "  becomes %s\n", strings.Join(free, ", "))
	for _, advice := range order {
		fmt.Fprintf(&out, "  %s: %s\n", strings.Join(others[advice], ", "), advice)
	}
	return out.String()
}

func TestMatrixOfTypes(t *testing.T) {
	path, got := filepath.Join("testdata", "matrix.txt"), matrix()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("the conversions are not those of %s (-want +got):\n%s", path, diff)
	}
}
