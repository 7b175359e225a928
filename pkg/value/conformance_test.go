package value_test

import (
	"encoding/binary"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rehome/pkg/value"
)

// legacy types that the tables name shortly.
var (
	tinyint   = value.LegacyType{Name: "TINYINT"}
	integer   = value.LegacyType{Name: "INT"}
	bigint    = value.LegacyType{Name: "BIGINT"}
	unsigned  = value.LegacyType{Name: "BIGINT", Unsigned: true}
	year      = value.LegacyType{Name: "YEAR", Unsigned: true}
	bit       = value.LegacyType{Name: "BIT"}
	decimals  = value.LegacyType{Name: "DECIMAL"}
	float     = value.LegacyType{Name: "FLOAT"}
	double    = value.LegacyType{Name: "DOUBLE"}
	varchar   = value.LegacyType{Name: "VARCHAR"}
	enum      = value.LegacyType{Name: "ENUM"}
	set       = value.LegacyType{Name: "SET"}
	varbinary = value.LegacyType{Name: "VARBINARY", Binary: true}
	blob      = value.LegacyType{Name: "BLOB", Binary: true}
	date      = value.LegacyType{Name: "DATE"}
	datetime  = value.LegacyType{Name: "DATETIME"}
	timestamp = value.LegacyType{Name: "TIMESTAMP"}
	clock     = value.LegacyType{Name: "TIME"}
	document  = value.LegacyType{Name: "JSON"}
	inet6     = value.LegacyType{Name: "INET6"}
	inet4     = value.LegacyType{Name: "INET4"}
	mariaUUID = value.LegacyType{Name: "UUID"}
	geometry  = value.LegacyType{Name: "GEOMETRY", Binary: true}
)

// bits is a BIT of n bits.
func bits(n int64) value.LegacyType {
	return value.LegacyType{Name: "BIT", Binary: true, Length: n}
}

// A sample is legacy values of one type, and how PostgreSQL writes those whose text differs.
type sample struct {
	from  value.LegacyType
	texts []string
	says  map[string]string
}

var samples = []struct {
	sqlType string
	of      []sample
}{
	{"boolean", []sample{{tinyint, []string{"0", "1"}, nil}, {bit, []string{"\x00", "\x01"}, map[string]string{"\x00": "0", "\x01": "1"}}}},
	{"smallint", []sample{{integer, []string{"0", "-32768", "32767", "007"}, nil}, {year, []string{"1901", "2155", "0000"}, nil}}},
	{"integer", []sample{
		{integer, []string{"0", "-1", "-2147483648", "2147483647"}, nil},
		{decimals, []string{"5.00", "-0", "12e0"}, map[string]string{"5.00": "5", "12e0": "12"}},
		{bit, []string{"\x01\x02", "\x00\x00\x00\x07"}, map[string]string{"\x01\x02": "258", "\x00\x00\x00\x07": "7"}},
	}},
	{"bigint", []sample{{bigint, []string{"-9223372036854775808", "9223372036854775807", "0"}, nil}, {unsigned, []string{"9223372036854775807"}, nil},
		{double, []string{"1e18", "-4"}, map[string]string{"1e18": "1000000000000000000"}}}},
	{"real", []sample{{float, []string{"0", "-0", "0.1", "1234567.75", "3.40282e38", "1e-45"}, nil}, {integer, []string{"16777216", "-3"}, nil},
		{double, []string{"0.5", "-1024"}, nil}, {decimals, []string{"0.1", "123456", "-1.50"}, nil}}},
	{"double precision", []sample{
		{double, []string{"0", "-0", "0.1", "1.7976931348623157e308", "5e-324", "123456789.123456789"}, nil},
		{float, []string{"0.1", "1234567.75"}, map[string]string{"0.1": "0.10000000149011612"}},
		{unsigned, []string{"9007199254740992", "18446744073709549568"}, nil}, {decimals, []string{"0.1", "-12.50", "123456789012345"}, nil},
	}},
	{"numeric", []sample{
		{decimals, []string{"0", "0.00", "-0.00", "1", "-1", "10000", "9999", "0.0001", "0.00001", "1.10", "12345678901234567890.123456789",
			"-99999999999999999999999999999999999.999999999999999999999999999999"}, nil},
		{unsigned, []string{"18446744073709551615", "00042"}, nil}, {double, []string{"1e20", "1.5e-7", "-2.50"}, nil}, {float, []string{"0.1"}, nil},
	}},
	{"numeric(10,2)", []sample{{decimals, []string{"0", "1", "1.1", "1.10", "1.100", "-12345678.99", "99999999.99", "0.01"}, nil}, {bigint, []string{"5"}, nil}}},
	{"numeric(65,30)", []sample{{decimals, []string{"12345678901234567890123456789012345.123456789012345678901234567890"}, nil}}},
	{"numeric(3,-2)", []sample{{decimals, []string{"12300", "-99900", "0", "100.00"}, nil}}},
	{"numeric(2,5)", []sample{{decimals, []string{"0.00012", "-0.00099", "0"}, nil}}},
	{"text", []sample{{varchar, []string{"", "a", "naïve 😀", "  blank  ", "\x01\u007f"}, nil}, {integer, []string{"-5"}, nil}, {decimals, []string{"1.10"}, nil},
		{datetime, []string{"0000-00-00 00:00:00", "2020-00-15 01:02:03"}, nil}, {clock, []string{"-838:59:59"}, nil},
		{set, []string{"", "b,a"}, nil}, {enum, []string{"", "x"}, nil}, {document, []string{`{"b":1, "a": "\u0000"}`}, nil}, {year, []string{"1999"}, nil}}},
	{"citext", []sample{{varchar, []string{"", "MiXed Ü"}, nil}}},
	{"varchar(5)", []sample{{varchar, []string{"", "12345", "äöüß€", "ab   "}, nil}}},
	{"varchar", []sample{{varchar, []string{"any length at all"}, nil}}},
	{"char(5)", []sample{{varchar, []string{"", "a", "äöüß€", "ab   ", "ab       ", " x"}, nil}}},
	{"date", []sample{{date, []string{"2000-01-01", "1970-01-01", "0001-01-01", "9999-12-31", "0009-12-04", "2000-02-29", "1900-02-28", "1999-12-31"}, nil}}},
	{"time", []sample{{clock, []string{"00:00:00", "23:59:59", "12:34:56.789", "23:59:59.999999", "24:00:00"}, nil}}},
	{"time(3)", []sample{{clock, []string{"12:34:56.789000", "01:00:00"}, nil}}},
	{"timestamp", []sample{{datetime, []string{"2000-01-01 00:00:00", "0001-01-01 00:00:00", "9999-12-31 23:59:59.999999", "1582-10-10 01:02:03", "1999-12-31 23:59:59.5",
		"0009-12-04 00:00:00"}, nil}}},
	{"timestamp(0)", []sample{{datetime, []string{"2012-06-30 23:59:59", "2012-06-30 23:59:59.000000"}, nil}}},
	{"timestamptz", []sample{{timestamp, []string{"1970-01-01 00:00:01", "2038-01-19 03:14:07.123456"}, nil}, {datetime, []string{"1000-01-01 00:00:00"}, nil}}},
	{"timestamptz(2)", []sample{{timestamp, []string{"1970-01-01 00:00:01.120000"}, nil}}},
	{"uuid", []sample{{mariaUUID, []string{"2290c634-b71f-5ad5-82dc-8667044d17d8"}, nil}, {varchar, []string{"2290c634-b71f-5ad5-82dc-8667044d17d8", "2290C634B71F5AD582DC8667044D17D8"}, nil},
		{varbinary, []string{"0123456789abcdef"}, map[string]string{"0123456789abcdef": "30313233343536373839616263646566"}}}},
	{"bytea", []sample{{blob, []string{"", "\x00\xff"}, map[string]string{"\x00\xff": `\x00ff`}}, {bit, []string{"\x05"}, nil}}},
	{"json", []sample{{document, []string{`{"b":1,"a":[ ]}`, ` null `, `"\u0000"`, `"\ud800"`, `-0.0e+5`, `{"a":1,"a":2}`}, nil}}},
	{"interval", []sample{{clock, []string{"00:00:00", "838:59:59", "-838:59:59", "-00:00:01", "24:00:00", "-100:00:00.000001", "12:34:56.789"}, nil}}},
	{"interval(2)", []sample{{clock, []string{"-838:59:59.990000", "00:00:00.010000"}, nil}}},
	{"inet", []sample{
		{varchar, []string{"0.0.0.0", "255.255.255.255", "10.1.2.3/8", "10.1.2.3/32", "::", "::1", "2001:db8::ff00:42:8329/64", "::ffff:192.0.2.128", "FFFF::"}, nil},
		{inet6, []string{"::", "::ffff:10.0.0.1", "2001:db8::1"}, nil}, {inet4, []string{"10.0.0.1"}, nil},
	}},
	{"cidr", []sample{{varchar, []string{"10.0.0.0/8", "0.0.0.0/0", "192.0.2.1", "192.0.2.1/32", "2001:db8::/32", "::/0"}, nil}, {inet4, []string{"10.0.0.1"}, nil}}},
	{"macaddr", []sample{{varchar, []string{"08:00:2b:01:02:03", "08-00-2B-01-02-03", "08002b:010203", "08002b-010203", "0800.2b01.0203", "0800-2b01-0203",
		"08002B010203", "ff:ff:ff:ff:ff:ff"}, nil}}},
	{"macaddr8", []sample{{varchar, []string{"08:00:2b:01:02:03:04:05", "08-00-2b-01-02-03-04-05", "0800.2b01.0203.0405", "0800-2b01-0203-0405", "08002b0102030405"}, nil}}},
	{"bit(1)", []sample{{bits(1), []string{"\x00", "\x01"}, map[string]string{"\x00": "0", "\x01": "1"}}}},
	{"bit(10)", []sample{{bits(10), []string{"\x02\x01", "\x00\x00", "\x03\xff"}, map[string]string{"\x02\x01": "1000000001", "\x00\x00": "0000000000", "\x03\xff": "1111111111"}}}},
	{"bit(64)", []sample{{bits(64), []string{"\xff\xff\xff\xff\xff\xff\xff\xff"}, map[string]string{"\xff\xff\xff\xff\xff\xff\xff\xff": strings.Repeat("1", 64)}}}},
	{"varbit", []sample{{bits(8), []string{"\x00", "\x81"}, map[string]string{"\x00": "00000000", "\x81": "10000001"}}, {bits(1), []string{"\x01"}, map[string]string{"\x01": "1"}}}},
	{"varbit(12)", []sample{{bits(12), []string{"\x08\x01"}, map[string]string{"\x08\x01": "100000000001"}}}},
	{"point", []sample{{geometry, []string{wkb(0, 1.5, -2), wkb(0, 0, 0), wkb(0, -1e308, 5e-324)},
		map[string]string{wkb(0, 1.5, -2): "(1.5,-2)", wkb(0, 0, 0): "(0,0)", wkb(0, -1e308, 5e-324): "(-1e308,5e-324)"}}}},
	{"text[]", []sample{{set, []string{"", "b", "b,a", "NULL,null,\"q\", x ,{y}"},
		map[string]string{"": "{}", "b": "{b}", "b,a": "{b,a}", "NULL,null,\"q\", x ,{y}": `{"NULL","null","\"q\""," x ","{y}"}`}}}},
	{"varchar(3)[]", []sample{{set, []string{"äöü,b"}, map[string]string{"äöü,b": "{äöü,b}"}}}},
	{"char(3)[]", []sample{{set, []string{"a,b"}, map[string]string{"a,b": "{a,b}"}}}},
	{"mood[]", []sample{{set, []string{"", "über,sad"}, map[string]string{"": "{}", "über,sad": "{über,sad}"}}}},
	{"mood", []sample{{enum, []string{"sad", "über"}, nil}, {varchar, []string{"ok"}, nil}}},
}

// wkb is a point as the servers store it: the SRID, then well-known binary.
func wkb(srid uint32, x, y float64) string {
	out := append(binary.LittleEndian.AppendUint32(nil, srid), 1, 1, 0, 0, 0)
	out = binary.LittleEndian.AppendUint64(out, math.Float64bits(x))
	return string(binary.LittleEndian.AppendUint64(out, math.Float64bits(y)))
}

func TestWhatIsAppendedIsWhatPostgreSQLSends(t *testing.T) {
	s := connect(t)
	for _, target := range samples {
		t.Run("pitfall 20: as the server itself writes "+target.sqlType, func(t *testing.T) {
			to := s.table(target.sqlType)
			var bodies [][]byte
			var texts []string
			for _, sample := range target.of {
				p := compile(t, sample.from, to, value.Rules{})
				for _, text := range sample.texts {
					out, null, hit, fault := p.Append([]byte{}, value.Cell(text))
					if null || hit != 0 || fault != "" {
						t.Errorf("%s %q: null %v, hit %b, fault %q", sample.from.Name, text, null, hit, fault)
						continue
					}
					if other, ok := sample.says[text]; ok {
						text = other
					}
					bodies, texts = append(bodies, out), append(texts, text)
				}
			}
			if diff := cmp.Diff(bodies, s.stored(bodies)); diff != "" {
				t.Errorf("stored otherwise (-appended +stored):\n%s", diff)
			}
			if diff := cmp.Diff(bodies, s.reads(target.sqlType, texts)); diff != "" {
				t.Errorf("read otherwise by the server (-appended +server) %q:\n%s", texts, diff)
			}
		})
	}
}

func TestLocalTimesBecomeTheInstantsThatShowThem(t *testing.T) {
	s := connect(t)
	to := s.table("timestamptz")
	for _, x := range []struct{ name, zone, in, want string }{
		{"in winter", "Europe/Berlin", "2021-01-15 12:00:00", "2021-01-15 11:00:00"},
		{"in summer", "Europe/Berlin", "2021-07-15 12:00:00", "2021-07-15 10:00:00"},
		{"before the clocks go back", "America/New_York", "2021-11-07 00:59:59", "2021-11-07 04:59:59"},
		{"before they go back by half an hour", "Australia/Lord_Howe", "2021-04-04 01:15:00", "2021-04-03 14:15:00"},
		{"behind a skipped day", "Pacific/Apia", "2011-12-31 00:00:00", "2011-12-30 10:00:00"},
	} {
		t.Run(x.name, func(t *testing.T) {
			p := compile(t, datetime, to, value.Rules{Zone: zone(t, x.zone)})
			got, _, _, fault := p.Append([]byte{}, value.Cell(x.in))
			if want := s.reads("timestamptz", []string{x.want})[0]; fault != "" || !cmp.Equal(got, want) {
				t.Errorf("%s %s: %x, fault %q, want %x", x.in, x.zone, got, fault, want)
			}
		})
	}
	t.Run("pitfall 13: skipped or shown twice is a fault", func(t *testing.T) {
		for in, want := range map[string][2]string{
			"2021-03-28 02:30:00":        {"Europe/Berlin", "dst_gap"},
			"2011-12-30 12:00:00":        {"Pacific/Apia", "dst_gap"},
			"2021-03-28 02:00:00.000001": {"Europe/Berlin", "dst_gap"},
			"2021-10-31 02:00:00":        {"Europe/Berlin", "dst_overlap"},
			"2021-10-31 02:59:59.999999": {"Europe/Berlin", "dst_overlap"},
			"2021-04-04 01:45:00":        {"Australia/Lord_Howe", "dst_overlap"},
		} {
			p := compile(t, datetime, to, value.Rules{Zone: zone(t, want[0])})
			if got := outcome(p, value.Cell(in)); got != "fault "+want[1] {
				t.Errorf("%s %s: %s", in, want[0], got)
			}
		}
	})
	for _, x := range []struct{ policy, zone, in, want string }{
		{"first", "Europe/Berlin", "2021-10-31 02:30:00", "2021-10-31 00:30:00"},
		{"second", "Europe/Berlin", "2021-10-31 02:30:00", "2021-10-31 01:30:00"},
		{"first", "Australia/Lord_Howe", "2021-04-04 01:45:00", "2021-04-03 14:45:00"},
		{"second", "Australia/Lord_Howe", "2021-04-04 01:45:00", "2021-04-03 15:15:00"},
		{"forward", "Europe/Berlin", "2021-03-28 02:30:00", "2021-03-28 01:30:00"},
		{"forward", "Pacific/Apia", "2011-12-30 12:00:00", "2011-12-30 22:00:00"},
		{"to_null", "Europe/Berlin", "2021-10-31 02:30:00", ""},
		{"to_null", "Europe/Berlin", "2021-03-28 02:30:00", ""},
	} {
		t.Run(x.policy+" decides about "+x.in+" in "+x.zone+", and is counted", func(t *testing.T) {
			rules := value.Rules{Zone: zone(t, x.zone), DSTGap: word(value.ToNull), DSTOverlap: word(x.policy)}
			if x.policy == value.Forward {
				rules.DSTGap, rules.DSTOverlap = word(x.policy), value.Policy{}
			}
			p := compile(t, datetime, to, rules)
			got, null, hit, fault := p.Append([]byte{}, value.Cell(x.in))
			if fault != "" || hit == 0 || null != (x.want == "") {
				t.Fatalf("null %v, hit %b, fault %q", null, hit, fault)
			}
			if !null && !cmp.Equal(got, s.reads("timestamptz", []string{x.want})[0]) {
				t.Errorf("%x is not %s", got, x.want)
			}
			if got := outcome(p, value.Cell("2021-07-15 12:00:00")); strings.Contains(got, " ") {
				t.Errorf("a time of which there is no doubt is counted: %s", got)
			}
		})
	}
}

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}
