package value_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"rehome/pkg/value"
)

var php = value.Rules{Steps: steps("php")}

func TestPHP(t *testing.T) {
	walks(t, compile(t, varchar, target("json"), php), []walk{
		{"NULL passes", `\N`, "NULL"},
		{"null", "N;", "null |php"},
		{"true and false", `a:2:{i:0;b:1;i:1;b:0;}`, `[true,false] |php`},
		{"integers", `a:3:{i:0;i:0;i:1;i:-9223372036854775808;i:2;i:9223372036854775807;}`, `[0,-9223372036854775808,9223372036854775807] |php`},
		{"floats keep their digits", `a:4:{i:0;d:0.10000000000000001;i:1;d:1.0E+25;i:2;d:-0;i:3;d:5;}`, `[0.10000000000000001,1.0E+25,-0,5] |php`},
		{"a text", `s:6:"naïv";`, "fault php"},
		{"lengths count bytes", `s:5:"naïv";`, `"naïv" |php`},
		{"a text holds what ends one", `s:5:"a";b"";`, `"a\";b\"" |php`},
		{"quotes inside", `s:4:"";""";`, `"\";\"\"" |php`},
		{"controls are escaped", "s:3:\"\n\x01\\\";", `"\n\u0001\\" |php`},
		{"the empty text", `s:0:"";`, `"" |php`},
		{"the escaped form", `S:3:"a\c3\a9";`, `"aé" |php`},
		{"an empty array", "a:0:{}", "[] |php"},
		{"a list", `a:2:{i:0;s:1:"a";i:1;s:1:"b";}`, `["a","b"] |php`},
		{"a map keeps its order", `a:2:{s:1:"z";i:1;s:1:"a";i:2;}`, `{"z":1,"a":2} |php`},
		{"keys that do not begin at 0", `a:1:{i:1;i:5;}`, `{"1":5} |php`},
		{"keys out of order", `a:2:{i:1;i:5;i:0;i:6;}`, `{"1":5,"0":6} |php`},
		{"a list that breaks off", `a:3:{i:0;a:1:{i:0;i:7;}i:1;s:1:"x";s:1:"k";i:9;}`, `{"0":[7],"1":"x","k":9} |php`},
		{"a negative key", `a:1:{i:-1;i:5;}`, `{"-1":5} |php`},
		{"capabilities of WordPress", `a:1:{s:13:"administrator";b:1;}`, `{"administrator":true} |php`},
		{"an object", `O:8:"stdClass":1:{s:1:"a";i:1;}`, `{"__class":"stdClass","a":1} |php`},
		{"an object of nothing", `O:3:"Foo":0:{}`, `{"__class":"Foo"} |php`},
		{"private and protected properties", "O:3:\"Foo\":3:{s:1:\"a\";i:1;s:4:\"\x00*\x00b\";i:2;s:6:\"\x00Foo\x00c\";i:3;}", `{"__class":"Foo","a":1,"b":2,"c":3} |php`},
		{"a property that is private twice over", "O:3:\"Foo\":2:{s:6:\"\x00Foo\x00c\";i:1;s:6:\"\x00Bar\x00c\";i:2;}", "fault php"},
		{"a property that looks like our class", `O:3:"Foo":1:{s:7:"__class";i:1;}`, "fault php"},
		{"an enum", `E:11:"Suit:Hearts";`, `{"__class":"Suit","__case":"Hearts"} |php`},
		{"an enum without a case", `E:4:"Suit";`, "fault php"},
		{"what a class wrote by itself", `C:3:"Foo":5:{abcde}`, "fault php"},
		{"a reference to a text", `a:2:{i:0;s:1:"x";i:1;R:2;}`, `["x","x"] |php`},
		{"an object met again", `a:2:{i:0;O:3:"Foo":1:{s:1:"a";i:1;}i:1;r:2;}`, `[{"__class":"Foo","a":1},{"__class":"Foo","a":1}] |php`},
		{"an object met again has a number, a reference has none", `a:4:{i:0;O:3:"Foo":0:{}i:1;r:2;i:2;s:1:"x";i:3;R:4;}`, `[{"__class":"Foo"},{"__class":"Foo"},"x","x"] |php`},
		{"a reference does not count", `a:4:{i:0;s:1:"w";i:1;R:2;i:2;s:1:"x";i:3;R:3;}`, `["w","w","x","x"] |php`},
		{"a reference into what a list has become", `a:3:{i:0;s:1:"x";s:1:"k";a:1:{i:0;R:2;}s:1:"l";R:3;}`, `{"0":"x","k":["x"],"l":["x"]} |php`},
		{"a text with what looks like one", `a:2:{i:0;s:4:"R:1;";i:1;i:1;}`, `["R:1;",1] |php`},
		{"a circle", `a:1:{i:0;R:1;}`, "fault php"},
		{"a circle of objects", `O:3:"Foo":1:{s:1:"a";O:3:"Bar":1:{s:1:"b";r:1;}}`, "fault php"},
		{"a reference to what is to come", `a:2:{i:0;R:3;i:1;i:5;}`, "fault php"},
		{"a reference to itself", `a:1:{i:0;r:2;}`, "fault php"},
		{"a reference to nothing", `R:0;`, "fault php"},
		{"a reference alone", `r:1;`, "fault php"},
		{"a key twice", `a:2:{s:1:"a";i:1;s:1:"a";i:2;}`, "fault php"},
		{"a key twice in two spellings", `a:2:{i:5;i:1;s:1:"5";i:2;}`, "fault php"},
		{"a key twice behind a list", `a:3:{i:0;i:1;s:1:"a";i:2;i:0;i:3;}`, "fault php"},
		{"no number", "d:NAN;", "fault php"},
		{"infinity", "d:INF;", "fault php"},
		{"minus infinity", "d:-INF;", "fault php"},
		{"a float that is none of JSON", "d:.5;", "fault php"},
		{"a float with a blank", "d:1 ;", "fault php"},
		{"a float without an end", "d:1", "fault php"},
		{"another boolean", "b:2;", "fault php"},
		{"an integer of more than 64 bits", "i:9223372036854775808;", "fault php"},
		{"an integer with a zero before it", "i:01;", "fault php"},
		{"an integer with a plus", "i:+1;", "fault php"},
		{"minus zero", "i:-0;", "fault php"},
		{"no digits", "i:;", "fault php"},
		{"a length that is too long for memory", `s:99999999999:"x";`, "fault php"},
		{"a length that is too long for a number", `s:99999999999999999999999:"x";`, "fault php"},
		{"a length that is too long", `s:2:"x";`, "fault php"},
		{"a length that is too short", `s:1:"xy";`, "fault php"},
		{"a length that reaches into what follows", `s:3:"x";`, "fault php"},
		{"a negative length", `s:-1:"x";`, "fault php"},
		{"a count that is too large for memory", `a:99999999999:{}`, "fault php"},
		{"a count that is too large", `a:1:{}`, "fault php"},
		{"a count that is too small", `a:0:{i:0;i:0;}`, "fault php"},
		{"a key that is none", `a:1:{d:1;i:1;}`, "fault php"},
		{"an array as key", `a:1:{a:0:{}i:1;}`, "fault php"},
		{"something behind it", "N;N;", "fault php"},
		{"a line end behind it", "N;\n", "fault php"},
		{"the empty text is none", "", "fault php"},
		{"a plain text is none", "subscriber", "fault php"},
		{"JSON is none", `{"a":1}`, "fault php"},
		{"broken bytes", "s:1:\"\xe9\";", "fault bad_text"},
		{"broken bytes in a key", "a:1:{s:1:\"\xe9\";i:1;}", "fault bad_text"},
	})
	mended := php
	mended.BadText = word(value.CP1252)
	walks(t, compile(t, blob, target("json"), mended), []walk{
		{"broken bytes are mended in their text, whose length counts what was there", "a:2:{i:0;s:1:\"\xe9\";i:1;s:2:\"é\";}", `["é","é"] |php |bad_text`},
		{"keys that become one", "a:2:{s:1:\"\xe9\";i:1;s:2:\"é\";i:2;}", "fault php"},
	})
	walks(t, compile(t, varchar, target("jsonb"), php), []walk{
		{"a NUL is a matter of jsonb's", "s:1:\"\x00\";", "fault json_nul"},
		{"jsonb in its order", `a:2:{s:2:"bb";i:1;s:1:"a";i:2;}`, "\x01" + `{"a": 2, "bb": 1} |php`},
	})
	walks(t, compile(t, varchar, text, value.Rules{Steps: []value.Step{step("php"), step("json", "$.roles[1]")}}), []walk{
		{"a path goes on", `a:1:{s:5:"roles";a:2:{i:0;s:1:"x";i:1;s:6:"editor";}}`, "editor |php |json"},
	})
	walks(t, compile(t, varchar, target("json"), value.Rules{Steps: []value.Step{step("php"), step("json", "$"), step("php")}}), []walk{
		{"what was serialized twice is read twice", `s:17:"a:1:{i:0;i:1234;}";`, "[1234] |php |json"},
	})
}

func TestPHPIsBounded(t *testing.T) {
	p := compile(t, varchar, target("json"), php)
	t.Run("deep nesting ends", func(t *testing.T) {
		nested := func(n int) string { return strings.Repeat("a:1:{i:0;", n) + "N;" + strings.Repeat("}", n) }
		if got := through(p, value.Cell(nested(900))); !strings.HasPrefix(got, "[[[") {
			t.Errorf("900 levels: %.40s", got)
		}
		if got := through(p, value.Cell(nested(100000))); got != "fault php" {
			t.Errorf("100,000 levels: %.40s", got)
		}
	})
	t.Run("references do not make much of little", func(t *testing.T) {
		laughs := `a:50:{i:0;s:1:"x";`
		for i := range 49 {
			laughs += fmt.Sprintf(`i:%d;a:2:{i:0;R:%d;i:1;R:%d;}`, i+1, i+2, i+2)
		}
		if got := through(p, value.Cell(laughs+"}")); got != "fault php" {
			t.Errorf("got %d bytes", len(got))
		}
	})
	t.Run("a length that is a lie costs no memory", func(t *testing.T) {
		var before, behind runtime.MemStats
		in := value.Cell(`a:99999999:{s:99999999:"`)
		runtime.ReadMemStats(&before)
		through(p, in)
		runtime.ReadMemStats(&behind)
		if grown := behind.TotalAlloc - before.TotalAlloc; grown > 1<<16 {
			t.Errorf("%d bytes allocated", grown)
		}
	})
	t.Run("a chain of references is walked once", func(t *testing.T) {
		chain := `a:20000:{i:0;O:1:"F":0:{}`
		for i := 1; i < 20000; i++ {
			chain += fmt.Sprintf("i:%d;r:%d;", i, i+1)
		}
		if got := through(p, value.Cell(chain+"}")); strings.Count(got, "__class") != 20000 {
			t.Errorf("got %.80s", got)
		}
	})
}

// A phpValue is a value as serialize writes it, and as it has to arrive.
type phpValue struct {
	php, json string
}

func drawPHP(t *rapid.T, depth int) phpValue {
	kinds := 5
	if depth > 0 {
		kinds = 8
	}
	switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
	case 0:
		return phpValue{"N;", "null"}
	case 1:
		return rapid.SampledFrom([]phpValue{{"b:0;", "false"}, {"b:1;", "true"}}).Draw(t, "bool")
	case 2:
		n := rapid.Int64().Draw(t, "int")
		return phpValue{fmt.Sprintf("i:%d;", n), fmt.Sprint(n)}
	case 3:
		f := fmt.Sprint(rapid.Float64().Filter(func(f float64) bool { return !math.IsInf(f, 0) && !math.IsNaN(f) }).Draw(t, "float"))
		return phpValue{"d:" + f + ";", f}
	case 4:
		return drawPHPText(t)
	case 5:
		var out phpValue
		items := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) phpValue { return drawPHP(t, depth-1) }), 0, 4).Draw(t, "items")
		for i, item := range items {
			out.php += fmt.Sprintf("i:%d;", i) + item.php
			out.json += "," + item.json
		}
		return phpValue{fmt.Sprintf("a:%d:{%s}", len(items), out.php), "[" + strings.TrimPrefix(out.json, ",") + "]"}
	}
	names := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-zé"';:{}]{1,4}`), 1, 4, rapid.ID[string]).Draw(t, "names")
	var out phpValue
	for _, name := range names {
		item := drawPHP(t, depth-1)
		key, _ := json.Marshal(name)
		out.php += fmt.Sprintf("s:%d:\"%s\";", len(name), name) + item.php
		out.json += "," + string(key) + ":" + item.json
	}
	if rapid.Bool().Draw(t, "object") {
		return phpValue{fmt.Sprintf("O:3:\"Foo\":%d:{%s}", len(names), out.php), `{"__class":"Foo"` + out.json + "}"}
	}
	return phpValue{fmt.Sprintf("a:%d:{%s}", len(names), out.php), "{" + out.json[1:] + "}"}
}

func drawPHPText(t *rapid.T) phpValue {
	text := rapid.String().Draw(t, "text")
	var quoted bytes.Buffer
	enc := json.NewEncoder(&quoted)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(text)
	return phpValue{fmt.Sprintf("s:%d:\"%s\";", len(text), text), strings.TrimSuffix(quoted.String(), "\n")}
}

func TestWhateverPHPWritesArrives(t *testing.T) {
	p := compile(t, varchar, target("json"), php)
	rapid.Check(t, func(t *rapid.T) {
		v := drawPHP(t, 4)
		body, _, _, fault := p.Append([]byte{}, value.Cell(v.php))
		if fault != "" {
			t.Fatalf("%s: %s", v.php, fault)
		}
		if diff := cmp.Diff(reread(t, v.json), reread(t, string(body))); diff != "" {
			t.Fatalf("%s became %s: %s", v.php, body, diff)
		}
		cut := rapid.IntRange(0, len(v.php)-1).Draw(t, "cut")
		if out, _, _, fault := p.Append([]byte{}, value.Cell(v.php[:cut])); fault == "" {
			t.Fatalf("%s, which is cut, became %s", v.php[:cut], out)
		}
	})
}

// reread decodes JSON with all of its order and digits.
func reread(t interface{ Fatalf(string, ...any) }, text string) (tokens []json.Token) {
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			t.Fatalf("%s is no JSON: %v", text, err)
		}
		tokens = append(tokens, token)
	}
	return tokens
}

// FuzzPHP holds that nothing panics, that what comes out is JSON of bounded size, and that every text in it stood in what came in.
func FuzzPHP(f *testing.F) {
	for _, seed := range []string{
		`a:3:{i:0;a:1:{i:0;i:7;}i:1;s:1:"x";s:1:"k";i:9;}`, `O:3:"Foo":1:{s:1:"a";r:1;}`, `a:2:{i:0;O:3:"Foo":0:{}i:1;r:2;}`, `S:3:"a\c3\a9";`, `E:11:"Suit:Hearts";`,
		`s:99999999999:"x"`, `a:99999999:{`, `d:1.0E+25;`, "O:3:\"Foo\":1:{s:4:\"\x00*\x00b\";i:2;}", `a:2:{i:0;s:1:"x";i:1;R:2;}`, "s:1:\"\xe9\";",
	} {
		f.Add([]byte(seed))
	}
	p := compile(f, varchar, target("json"), php)
	f.Fuzz(func(t *testing.T, in []byte) {
		body, null, _, fault := p.Append([]byte{}, in)
		if null || fault != "" {
			return
		}
		if !json.Valid(body) || len(body) > 14*len(in)+1<<20 {
			t.Fatalf("%q became %d bytes: %.200q", in, len(body), body)
		}
		if bytes.Contains(in, []byte("S:")) {
			return
		}
		dec := json.NewDecoder(bytes.NewReader(body))
		for {
			token, err := dec.Token()
			if err != nil {
				return
			}
			if s, ok := token.(string); ok && !bytes.Contains(in, []byte(s)) && s != "__class" && s != "__case" && !isIndex(s) {
				t.Fatalf("%q became %s, and %q did not stand there", in, body, s)
			}
		}
	})
}

// isIndex tells whether a text is an item's number, which the key of a list that broke off has become.
func isIndex(s string) bool { return strings.Trim(s, "0123456789") == "" }
