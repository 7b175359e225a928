package value_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"rehome/pkg/value"
)

// realDay draws a day of the years 1 to 9999.
func realDay(t *rapid.T) string {
	first := time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)
	return first.AddDate(0, 0, rapid.IntRange(0, 3652058).Draw(t, "days since the year 1")).Format(time.DateOnly)
}

func wallTime(t *rapid.T) string {
	micros := rapid.Int64Range(0, 86400e6-1).Draw(t, "time")
	return realDay(t) + time.UnixMicro(micros).UTC().Format(" 15:04:05.000000")
}

func digits(t *rapid.T, fewest, most int) string {
	return string(rapid.SliceOfN(rapid.ByteRange('0', '9'), fewest, most).Draw(t, "digits"))
}

func decimalText(t *rapid.T) string {
	sign := rapid.SampledFrom([]string{"", "-"}).Draw(t, "sign")
	whole := digits(t, 1, 65)
	if part := digits(t, 0, 40); part != "" {
		return sign + whole + "." + part
	}
	return sign + whole
}

// sameAsServer checks that values of one type, drawn a hundred at a time, are appended as the server reads them.
func sameAsServer(t *testing.T, s *server, from value.LegacyType, sqlType string, draw func(*rapid.T) string) {
	t.Helper()
	p := compile(t, from, s.table(sqlType), value.Rules{})
	rapid.Check(t, func(t *rapid.T) {
		texts := rapid.SliceOfN(rapid.Custom(draw), 1, 100).Draw(t, "texts")
		var bodies [][]byte
		for _, text := range texts {
			body, null, _, fault := p.Append([]byte{}, value.Cell(text))
			if null || fault != "" {
				t.Fatalf("%q: null %v, fault %q", text, null, fault)
			}
			bodies = append(bodies, body)
		}
		if diff := cmp.Diff(bodies, s.reads(sqlType, texts)); diff != "" {
			t.Fatalf("%q (-appended +server):\n%s", texts, diff)
		}
	})
}

func TestAnyValueIsAppendedAsTheServerReadsIt(t *testing.T) {
	s := connect(t)
	t.Run("decimals of any size", func(t *testing.T) { sameAsServer(t, s, decimals, "numeric", decimalText) })
	t.Run("decimals of a declared size", func(t *testing.T) {
		sameAsServer(t, s, decimals, "numeric(110,45)", decimalText)
	})
	t.Run("numbers with exponents", func(t *testing.T) {
		sameAsServer(t, s, double, "numeric", func(t *rapid.T) string {
			return decimalText(t) + "e" + strconv.Itoa(rapid.IntRange(-300, 300).Draw(t, "exponent"))
		})
	})
	t.Run("dates", func(t *testing.T) { sameAsServer(t, s, date, "date", realDay) })
	t.Run("timestamps", func(t *testing.T) { sameAsServer(t, s, datetime, "timestamp", wallTime) })
	t.Run("timestamps with time zone", func(t *testing.T) { sameAsServer(t, s, timestamp, "timestamptz", wallTime) })
	t.Run("doubles", func(t *testing.T) {
		sameAsServer(t, s, double, "double precision", func(t *rapid.T) string {
			return strconv.FormatFloat(rapid.Float64().Filter(finite).Draw(t, "double"), 'g', -1, 64)
		})
	})
	t.Run("floats", func(t *testing.T) {
		sameAsServer(t, s, float, "real", func(t *rapid.T) string {
			return strconv.FormatFloat(float64(rapid.Float32().Draw(t, "float")), 'g', -1, 32)
		})
	})
	t.Run("characters", func(t *testing.T) {
		sameAsServer(t, s, varchar, "char(40)", func(t *rapid.T) string {
			return strings.ReplaceAll(rapid.StringN(0, 40, -1).Draw(t, "text"), "\x00", "")
		})
	})
}

func TestAnyValueOfARarerTypeIsAppendedAsTheServerReadsIt(t *testing.T) {
	s := connect(t)
	t.Run("spans of time", func(t *testing.T) { sameAsServer(t, s, clock, "interval", drawSpan) })
	t.Run("times of day", func(t *testing.T) {
		sameAsServer(t, s, clock, "time", func(t *rapid.T) string {
			return time.UnixMicro(rapid.Int64Range(0, 86400e6-1).Draw(t, "time")).UTC().Format("15:04:05.000000")
		})
	})
	t.Run("addresses", func(t *testing.T) { sameAsServer(t, s, varchar, "inet", drawAddress) })
	t.Run("networks", func(t *testing.T) {
		sameAsServer(t, s, varchar, "cidr", func(t *rapid.T) string { return netip.MustParsePrefix(drawAddress(t)).Masked().String() })
	})
	t.Run("hardware addresses", func(t *testing.T) {
		sameAsServer(t, s, varchar, "macaddr", func(t *rapid.T) string {
			mac := net.HardwareAddr(rapid.SliceOfN(rapid.Byte(), 6, 6).Draw(t, "bytes")).String()
			return strings.ReplaceAll(mac, ":", rapid.SampledFrom([]string{":", "-", ""}).Draw(t, "separator"))
		})
	})
	t.Run("integers", func(t *testing.T) {
		sameAsServer(t, s, bigint, "bigint", func(t *rapid.T) string { return strconv.FormatInt(rapid.Int64().Draw(t, "number"), 10) })
	})
	t.Run("lists", func(t *testing.T) {
		to := s.table("text[]")
		p := compile(t, set, to, value.Rules{})
		rapid.Check(t, func(t *rapid.T) {
			members := rapid.SliceOfN(rapid.StringMatching(`[a-zA-Z "\\{}é]{1,4}`), 1, 5).Draw(t, "members")
			body, _, _, fault := p.Append([]byte{}, value.Cell(strings.Join(members, ",")))
			var same bool
			s.ask(t, &same, `SELECT array_send($1::text[]) = $2`, members, body)
			if fault != "" || !same {
				t.Fatalf("%q became %x, fault %q", members, body, fault)
			}
		})
	})
	t.Run("bits", func(t *testing.T) {
		for _, n := range []int64{1, 7, 8, 9, 33, 64} {
			p := compile(t, bits(n), s.table(fmt.Sprintf("bit(%d)", n)), value.Rules{})
			rapid.Check(t, func(t *rapid.T) {
				text := rapid.StringMatching(fmt.Sprintf("[01]{%d}", n)).Draw(t, "bits")
				number, _ := strconv.ParseUint(text, 2, 64)
				cell := binary.BigEndian.AppendUint64(nil, number)[8-(n+7)/8:]
				body, _, _, fault := p.Append([]byte{}, cell)
				var same bool
				s.ask(t, &same, `SELECT bit_send($1::text::varbit::bit(`+strconv.Itoa(int(n))+`)) = $2`, text, body)
				if fault != "" || !same {
					t.Fatalf("%s became %x, fault %q", text, body, fault)
				}
			})
		}
	})
}

func drawAddress(t *rapid.T) string {
	size := rapid.SampledFrom([]int{4, 16}).Draw(t, "size")
	addr, _ := netip.AddrFromSlice(rapid.SliceOfN(rapid.Byte(), size, size).Draw(t, "bytes"))
	return netip.PrefixFrom(addr, rapid.IntRange(0, size*8).Draw(t, "length")).String()
}

func finite(f float64) bool { return !math.IsInf(f, 0) && !math.IsNaN(f) }

func TestAnInstantShowsTheLocalTimeThatItWasMadeOf(t *testing.T) {
	s := connect(t)
	to := s.table("timestamptz")
	for _, name := range []string{"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "America/Sao_Paulo", "Asia/Kathmandu"} {
		t.Run(name, func(t *testing.T) {
			p := compile(t, datetime, to, value.Rules{Zone: zone(t, name)})
			rapid.Check(t, func(t *rapid.T) {
				first := time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC)
				local := first.Add(time.Duration(rapid.IntRange(0, 137*365*48).Draw(t, "half hours")) * 30 * time.Minute).Format(time.DateTime)
				body, _, _, fault := p.Append(nil, value.Cell(local))
				checkInstant(t, s, local, name, body, fault)
			})
		})
	}
}

// checkInstant asks the server how many instants show the local time, and compares the one.
func checkInstant(t *rapid.T, s *server, local, name string, body []byte, fault value.Fault) {
	// Each offset that the zone has about that time makes one candidate.
	const instants = `
		SELECT coalesce(array_agg(DISTINCT extract(epoch FROM c.i - timestamptz '2000-01-01')::bigint * 1000000), '{}') FROM (
			SELECT $1::text::timestamp AT TIME ZONE 'UTC' - (g AT TIME ZONE $2 - g AT TIME ZONE 'UTC') FROM generate_series(
				$1::text::timestamp AT TIME ZONE 'UTC' - interval '26 hours', $1::text::timestamp AT TIME ZONE 'UTC' + interval '26 hours', interval '1 hour') AS g
		) AS c(i) WHERE c.i AT TIME ZONE $2 = $1::text::timestamp`
	var shown []int64
	s.ask(t, &shown, instants, local, name)
	want := map[int]value.Fault{0: "dst_gap", 1: "", 2: "dst_overlap"}[len(shown)]
	if fault != want || fault == "" && int64(binary.BigEndian.Uint64(body)) != shown[0] {
		t.Fatalf("%s became %x, fault %q; the server shows it at %d", local, body, fault, shown)
	}
}

func (s *server) ask(t *rapid.T, into any, query string, args ...any) {
	if err := s.conn.QueryRow(s.t.Context(), query, args...).Scan(into); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

func TestJSONBIsAppendedAsTheServerSendsIt(t *testing.T) {
	s := connect(t)
	to := s.table("jsonb")
	p, strict := compile(t, document, to, value.Rules{JSONDuplicate: word(value.Last)}), compile(t, document, to, value.Rules{})
	check := func(text string) error {
		body, _, hit, fault := p.Append([]byte{}, value.Cell(text))
		if _, _, _, refused := strict.Append(nil, value.Cell(text)); (refused == "json_duplicate") != (hit != 0) && fault == "" {
			return fmt.Errorf("%.200q: hit %b, and without the policy fault %q", text, hit, refused)
		}
		want, err := s.takes("jsonb", text)
		switch {
		case (fault == "") != (err == nil):
			return fmt.Errorf("%.200q: fault %q, but the server says %v", text, fault, err)
		case fault == "" && !bytes.Equal(body, want):
			return fmt.Errorf("%.200q: appended %.200q, the server sends %.200q", text, body, want)
		}
		return nil
	}
	for _, text := range documents {
		if err := check(text); err != nil {
			t.Error(err)
		}
	}
	t.Run("whatever the document", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			if err := check(drawDocument(t, 4)); err != nil {
				t.Fatal(err)
			}
		})
	})
	t.Run("it is stored as it was appended", func(t *testing.T) {
		var bodies [][]byte
		for _, text := range documents {
			if body, _, _, fault := p.Append([]byte{}, value.Cell(text)); fault == "" {
				bodies = append(bodies, body)
			}
		}
		if diff := cmp.Diff(bodies, s.stored(bodies)); diff != "" {
			t.Error(diff)
		}
	})
}

// documents are those that are known to be hard, right and wrong.
var documents = []string{
	`{}`, `[]`, ` [ ] `, `null`, `true`, "\t1\r\n", `"x"`, `{"b":1,"a":2,"aa":3,"B":4}`, `{"a":1,"b":2,"a":3}`, `{"a":{"c":1,"b":[1,{"z":1,"y":2}]}}`,
	`{"ü":1,"zz":2,"z":3}`, `{"\u0061":1,"a":2}`, `{"a\n":1,"b":2,"\"":3,"\\":4}`, `{"":1," ":2}`, `{"a":1,"\u00e4":2,"bb":3}`,
	`-0`, `-0.0`, `0.10`, `1e5`, `1E+2`, `1.50e1`, `1.0e-7`, `-12.34e-2`, `1e400`, `1e131071`, `1e131072`, `0e-16383`, `0e-16384`, `1e-16383`, `1e-16384`,
	`12345678901234567890.000`, `0e400000`, `1e99999999999`, `-`, `01`, `+1`, `.5`, `5.`, `1e`, `1e+`, `1.e5`, `0x1`, `NaN`, `--1`, `1 2`,
	`"\u00e4\ud83d\ude00\/\b\f\n\r\t\"\\"`, `"\u001f\u0001\u007f"`, `"😀ä"`, `"\ud800"`, `"\ude00"`, `"\ud83dx"`, `"\ud83d\u0041"`, `"\u00g0"`, `"\u12"`, `"\x"`, `"`, `"a`, "\"\n\"", `"\`,
	`[1,]`, `[,1]`, `[1 2]`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{,}`, `{1:2}`, `{"a" 1}`, `[`, `{`, `]`, ``, ` `, `tru`, `trueX`, `nul`, `[true,false,null]`, "\ufeff1", "\v1",
	strings.Repeat("[", 1000) + strings.Repeat("]", 1000), `{"k":"` + strings.Repeat("é", 5000) + `"}`,
}

// drawDocument draws JSON text with all the freedom that its grammar has.
func drawDocument(t *rapid.T, depth int) string {
	kind := rapid.IntRange(0, 5).Draw(t, "kind")
	if depth == 0 {
		kind %= 4
	}
	blank := rapid.SampledFrom([]string{"", " ", "\n", "\t "}).Draw(t, "blank")
	switch kind {
	case 0:
		return blank + rapid.SampledFrom([]string{"true", "false", "null"}).Draw(t, "word")
	case 1:
		return rapid.StringMatching(`-?(0|[1-9][0-9]{0,25})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?`).Draw(t, "number") + blank
	case 2, 3:
		return blank + drawString(t)
	case 4:
		items := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) string { return drawDocument(t, depth-1) }), 0, 4).Draw(t, "items")
		return "[" + strings.Join(items, blank+",") + blank + "]"
	}
	members := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) string {
		return blank + drawString(t) + blank + ":" + drawDocument(t, depth-1)
	}), 0, 6).Draw(t, "members")
	return "{" + strings.Join(members, ","+blank) + blank + "}"
}

func drawString(t *rapid.T) string {
	part := rapid.OneOf(
		rapid.SampledFrom([]string{`a`, `b`, `\n`, `\"`, `\\`, `\/`, `\u0001`, `\u0061`, `\u00e4`, `ä`, `\ud83d\ude00`, `😀`, `\uD83D`, `\u0000`, `\u007F`}),
		rapid.StringMatching(`[a-zA-Z0-9 é]{0,3}`))
	return `"` + strings.Join(rapid.SliceOfN(part, 0, 4).Draw(t, "string"), "") + `"`
}
