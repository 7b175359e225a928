package audit

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"rehome/pkg/value"
)

func base(name string) value.TargetType { return value.TargetType{Name: name, Kind: 'b', Typmod: -1} }

func TestComparisons(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	bytesOf := func(name string) value.LegacyType { return value.LegacyType{Name: name, Binary: true} }
	named := func(name string) value.LegacyType { return value.LegacyType{Name: name} }
	label := value.TargetType{Name: "app.kind", Kind: 'e', Typmod: -1}
	for _, test := range []struct {
		from       value.LegacyType
		to         value.TargetType
		cell, text string
		want       verdict
	}{
		{named("INT"), base("integer"), "42", "42", same},
		{named("INT"), base("integer"), "42", "-42", different},
		{named("INT"), base("integer"), "00042", "42", same},
		{named("BIGINT"), base("numeric"), "18446744073709551615", "18446744073709551615", same},
		{named("BIGINT"), base("numeric"), "18446744073709551615", "18446744073709551614", different},
		{named("DECIMAL"), base("numeric"), "1.50", "1.5", same},
		{named("DECIMAL"), base("numeric"), "-0.000", "0", same},
		{named("DECIMAL"), base("numeric"), "1.5", "1.51", different},
		{named("FLOAT"), base("real"), "0.1", "0.1", same},
		{named("FLOAT"), base("double precision"), "0.1", "0.10000000149011612", same},
		{named("FLOAT"), base("double precision"), "0.1", "0.1", different},
		{named("DOUBLE"), base("double precision"), "1e+300", "1e+300", same},
		{named("DOUBLE"), base("double precision"), "1234567.75", "1234570", different},
		{named("DECIMAL"), base("double precision"), "0.1", "0.1", same},
		{named("DECIMAL"), base("real"), "0.1", "0.1", same},
		{named("DOUBLE"), base("double precision"), "-0", "0", different},
		{named("BIT"), base("integer"), "\x02\x01", "513", same},
		{named("BIT"), base("boolean"), "\x01", "t", same},
		{named("TINYINT"), base("boolean"), "0", "f", same},
		{named("TINYINT"), base("boolean"), "1", "f", different},
		{named("TINYINT"), base("boolean"), "2", "t", different},
		{named("YEAR"), base("smallint"), "0000", "0", same},
		{named("VARCHAR"), base("text"), "é ", "é ", same},
		{named("VARCHAR"), base("text"), "a", "a ", different},
		{named("VARCHAR"), base("text"), "a", "A", different},
		{named("CHAR"), base("character"), "ab", "ab   ", same},
		{named("CHAR"), base("bpchar"), "ab", "abc  ", different},
		{named("INT"), base("text"), "7", "7", same},
		{named("DATETIME"), base("text"), "2020-01-01 00:00:00", "2020-01-01 00:00:00", same},
		{bytesOf("BLOB"), base("bytea"), "\x00\xff", `\x00ff`, same},
		{bytesOf("BLOB"), base("bytea"), "", `\x`, same},
		{bytesOf("BLOB"), base("bytea"), "\x00\xff", `\x00fe`, different},
		{bytesOf("VARCHAR"), base("bytea"), "a", `\x61`, same},
		{bytesOf("BINARY"), base("uuid"), strings.Repeat("\x11", 16), "11111111-1111-1111-1111-111111111111", same},
		{named("CHAR"), base("uuid"), "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa", same},
		{named("CHAR"), base("uuid"), "no", "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa", different},
		{named("ENUM"), label, "open", "open", same},
		{named("ENUM"), label, "", "open", different},
		{named("DATE"), base("date"), "0009-12-04", "0009-12-04", same},
		{named("DATE"), base("date"), "2020-01-01", "2020-01-02", different},
		{named("TIME"), base("time without time zone"), "24:00:00", "24:00:00", same},
		{named("TIME"), base("time without time zone"), "10:11:12.500", "10:11:12.5", same},
		{named("TIME"), base("time without time zone"), "10:11:12", "10:11:13", different},
		{named("DATETIME"), base("timestamp without time zone"), "2020-01-01 00:00:00.500000", "2020-01-01 00:00:00.5", same},
		{named("DATETIME"), base("timestamp without time zone"), "2020-01-01 10:00:00", "2020-01-01 11:00:00", different},
		{named("TIMESTAMP"), base("timestamp with time zone"), "2020-07-01 10:00:00", "2020-07-01 10:00:00+00", same},
		{named("DATETIME"), base("timestamp with time zone"), "2020-07-01 10:00:00", "2020-07-01 08:00:00+00", same},
		{named("DATETIME"), base("timestamp with time zone"), "2020-07-01 10:00:00", "2020-07-01 10:00:00+00", different},
		{named("DATETIME"), base("timestamp with time zone"), "2020-10-25 02:30:00", "2020-10-25 00:30:00+00", same},
		{named("DATETIME"), base("timestamp with time zone"), "2020-10-25 02:30:00", "2020-10-25 01:30:00+00", different},
		{named("JSON"), base("jsonb"), `{"b":1.0,"a":["x",null]}`, `{"a": ["x", null], "b": 1}`, same},
		{named("JSON"), base("jsonb"), `{"a":1,"a":2}`, `{"a": 2}`, same},
		{named("JSON"), base("jsonb"), `{"a":1,"a":2}`, `{"a": 1}`, different},
		{named("JSON"), base("jsonb"), `"\u0041"`, `"A"`, same},
		{named("JSON"), base("jsonb"), `1e2`, `100`, same},
		{named("JSON"), base("jsonb"), `[1]`, `[1, 1]`, different},
		{named("LONGTEXT"), base("json"), `{"a": 1}`, `{"a": 1}`, same},
		{named("VARCHAR"), base("date"), "01.02.2019", "2019-02-01", unknown},
		{named("VARCHAR"), base("integer"), "7", "7", unknown},
		{named("INT"), base("timestamp with time zone"), "0", "1970-01-01 00:00:00+00", unknown},
		{named("GEOMETRY"), base("point"), "x", "(1,2)", unknown},
	} {
		t.Run(fmt.Sprintf("%s %q is compared with %s %q", test.from.Name, test.cell, test.to.Name, test.text), func(t *testing.T) {
			if got := comparisonOf(test.from, test.to, berlin)([]byte(test.cell), []byte(test.text)); got != test.want {
				t.Errorf("got %d, want %d", got, test.want)
			}
		})
	}
}

func TestIdentity(t *testing.T) {
	t.Run("an identifier is the one of the product's test vector", func(t *testing.T) {
		if got := identity("community", "user", []string{"1"}, false); got != "2290c634-b71f-5ad5-82dc-8667044d17d8" {
			t.Error(got)
		}
	})
	t.Run("any identifier is that of the migration", rapid.MakeCheck(func(t *rapid.T) {
		parts := rapid.SliceOfN(rapid.String(), 1, 3).Draw(t, "parts")
		name := rapid.StringMatching("[a-z]{1,8}").Draw(t, "name")
		want := value.NewEntity(name, "e").ID([]byte(strings.Join(parts, "\x1f")))
		if got := identity(name, "e", parts, false); strings.ReplaceAll(got, "-", "") != fmt.Sprintf("%x", want) {
			t.Fatal(got)
		}
	}))
	t.Run("any ordered identifier is that of the migration", rapid.MakeCheck(func(t *rapid.T) {
		number := strconv.FormatInt(rapid.Int64().Draw(t, "signed"), 10)
		if rapid.Bool().Draw(t, "of an unsigned column") {
			number = strconv.FormatUint(rapid.Uint64().Draw(t, "unsigned"), 10)
		}
		want := value.NewOrderedEntity("m", "e").ID([]byte(number))
		if got := identity("m", "e", []string{number}, true); strings.ReplaceAll(got, "-", "") != fmt.Sprintf("%x", want) {
			t.Fatalf("key %s has %s, want %x", number, got, want)
		}
	}))
}

func TestDecimals(t *testing.T) {
	number := rapid.StringMatching(`-?[0-9]{1,12}(\.[0-9]{0,6})?(e-?[0-9])?`)
	t.Run("two decimals are equal if and only if they are the same number", rapid.MakeCheck(func(t *rapid.T) {
		a, b := number.Draw(t, "a"), number.Draw(t, "b")
		if rapid.Bool().Draw(t, "alike") {
			b = a + "e0"
			if strings.Contains(a, "e") {
				b = "0" + a
				if a[0] == '-' {
					b = "-0" + a[1:]
				}
			}
		}
		x, ok := readDecimal([]byte(a))
		y, known := readDecimal([]byte(b))
		left, fine := new(big.Rat).SetString(a)
		right, valid := new(big.Rat).SetString(b)
		if ok != fine || known != valid {
			t.Fatalf("%q %t, %q %t", a, ok, b, known)
		}
		if fine && valid && (x == y) != (left.Cmp(right) == 0) {
			t.Fatalf("%q and %q", a, b)
		}
	}))
	t.Run("what is no number is none", func(t *testing.T) {
		for _, text := range []string{"", "-", ".", "1e", "1e99999999999", "0x1", "NaN", "1 ", "--1"} {
			if d, ok := readDecimal([]byte(text)); ok {
				t.Errorf("%q is %+v", text, d)
			}
		}
	})
}

func TestInstants(t *testing.T) {
	for _, name := range []string{"Europe/Berlin", "America/Sao_Paulo", "Australia/Lord_Howe", "Asia/Kolkata", "UTC", "Africa/Casablanca"} {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		t.Run("each wall time of "+name+" is its first instant and no other", rapid.MakeCheck(func(t *rapid.T) {
			at := time.Unix(rapid.Int64Range(0, 1_900_000_000).Draw(t, "unix"), 0).UTC()
			wall := at.In(zone).Format(wallLayout)
			first := at
			for back := 30 * time.Minute; back <= 3*time.Hour; back += 30 * time.Minute {
				if at.Add(-back).In(zone).Format(wallLayout) == wall {
					first = at.Add(-back)
				}
			}
			got := instant(zone)([]byte(wall), []byte(at.Format("2006-01-02 15:04:05")+"+00"))
			if got != say(first.Equal(at)) {
				t.Fatalf("%s at %s: %d", wall, at, got)
			}
			later := at.Add(time.Duration(rapid.Int64Range(1, 86400).Draw(t, "later")) * time.Second)
			if later.In(zone).Format(wallLayout) != wall && instant(zone)([]byte(wall), []byte(later.Format("2006-01-02 15:04:05")+"+00")) == same {
				t.Fatalf("%s is also %s", wall, later)
			}
		}))
	}
}
