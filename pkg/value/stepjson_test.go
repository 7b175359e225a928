package value_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"rehome/pkg/value"
)

func at(path ...string) value.Rules { return value.Rules{Steps: []value.Step{step("json", path...)}} }

func TestJSONPath(t *testing.T) {
	const doc = ` {"a": {"b c": [1, 2.50, "x\u00e9\"\n", {"": true}, null]}, "k-1": -0.0E+5, "ü": "ü", "s": "", "big": 12345678901234567890.123456789012345678901, "o" :{ "x":[ ] } } `
	for _, c := range []struct{ path, want string }{
		{"$.a.\"b c\"[0]", "1 |json"},
		{"$.a.\"b c\"[1]", "2.50 |json"},
		{"$.a.\"b c\"[2]", "xé\"\n |json"},
		{"$.a.\"b c\"[3].\"\"", "true |json"},
		{"$.a.\"b c\"[4]", "NULL |json"},
		{"$.a.\"b c\"[5]", "fault json_path"},
		{"$.a.\"b\\u0020c\"[0]", "1 |json"},
		{"$.k-1", "-0.0E+5 |json"},
		{"$.ü", "ü |json"},
		{"$.s", " |json"},
		{"$.big", "12345678901234567890.123456789012345678901 |json"},
		{"$.o", `{ "x":[ ] } |json`},
		{"$.o.x", `[ ] |json`},
		{"$.o.x[0]", "fault json_path"},
		{"$.o[0]", "fault json_path"},
		{"$.s.x", "fault json_path"},
		{"$.A", "fault json_path"},
		{"$", strings.TrimSpace(doc) + " |json"},
	} {
		t.Run(c.path, func(t *testing.T) {
			if got := through(compile(t, document, text, at(c.path)), value.Cell(doc)); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
	walks(t, compile(t, varchar, text, at("$.a")), []walk{
		{"NULL passes", `\N`, "NULL"},
		{"the empty text is no document", "", "fault json"},
		{"nor is what is cut off", `{"a": 1`, "fault json"},
		{"nor what goes on", `{"a": 1} x`, "fault json"},
		{"nor a number of another grammar", `{"a": 01}`, "fault json"},
		{"a scalar has no members", `1`, "fault json_path"},
		{"escapes in a name are read", `{"\u0061": 1}`, "1 |json"},
		{"a name twice on the way is no guess", `{"a": 1, "\u0061": 1}`, "fault json"},
		{"a name twice beside the way is none of it", `{"b": 1, "b": 1, "a": 2}`, "2 |json"},
		{"a name that is no text is another name", `{"\ud800": 1, "a": 2}`, "2 |json"},
		{"a text that is none", `{"a": "\ud800"}`, "fault json"},
		{"brackets in a text are no brackets", `{"x": "}],\"{", "a": "["}`, "[ |json"},
		{"a NUL in a text", `{"a": "x\u0000"}`, "fault json_nul"},
		{"broken bytes are left to bad_text", "{\"a\": \"\xff\"}", "fault bad_text"},
		{"a pair of surrogates", `{"a": "\ud83d\ude00"}`, "😀 |json"},
		{"nested without end", strings.Repeat(`{"a":`, 20000) + "1" + strings.Repeat("}", 20000), "fault json"},
	})
	walks(t, compile(t, varchar, text, at("$.a", "to_null")), []walk{
		{"what is not there is NULL as told", `{}`, "NULL |json"},
		{"what is no document is not", `{`, "fault json"},
		{"a document of another kind is", `[]`, "NULL |json"},
	})
	nul := at("$.a")
	nul.JSONNul = word(value.Strip)
	walks(t, compile(t, varchar, text, nul), []walk{{"a NUL is stripped as told", `{"a": "x\u0000\\u0000"}`, `x\u0000 |json |json_nul`}})
}

func TestJSONPathGivesWhatTheTargetTakes(t *testing.T) {
	for _, c := range []struct {
		name string
		to   value.TargetType
		in   string
		want string
	}{
		{"a number into an integer", integer4, `{"a": 7}`, "00000007 json"},
		{"a number in a text too", integer4, `{"a": "7"}`, "00000007 json"},
		{"what is none is refused", integer4, `{"a": "x"}`, "fault syntax"},
		{"true into a boolean", target("boolean"), `{"a": true}`, "01 json"},
		{"false", target("boolean"), `{"a": false}`, "00 json"},
		{"yes is no guess", target("boolean"), `{"a": "yes"}`, "fault syntax"},
		{"a text into jsonb stays JSON", target("jsonb"), `{"a": "x"}`, "01" + x(`"x"`) + " json"},
		{"an object too", target("jsonb"), `{"a": {"c":1,"b":2}}`, "01" + x(`{"b": 2, "c": 1}`) + " json"},
		{"null into jsonb is NULL", target("jsonb"), `{"a": null}`, "NULL json"},
		{"a uuid", target("uuid"), `{"a": "30313233343536373839616263646566"}`, x("0123456789abcdef") + " json"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := outcome(compile(t, document, c.to, at("$.a")), value.Cell(c.in)); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
	t.Run("values see plain text", func(t *testing.T) {
		rules := at("$.a")
		rules.Values = map[string]value.Outcome{"x": out("sad"), "true": out("ok")}
		p := compile(t, document, mood, rules)
		if got := outcome(p, value.Cell(`{"a": "x"}`)) + outcome(p, value.Cell(`{"a": true}`)); got != x("sad")+" json values"+x("ok")+" json values" {
			t.Errorf("got %s", got)
		}
	})
	t.Run("and so does the next step", func(t *testing.T) {
		p := compile(t, document, target("date"), value.Rules{Steps: []value.Step{step("json", "$.a"), step("unix", "s")}})
		if got := outcome(p, value.Cell(`{"a": "946684800"}`)); got != "00000000 json unix" {
			t.Errorf("got %s", got)
		}
	})
}

func TestCheckJSONPath(t *testing.T) {
	for _, good := range []string{"$", "$.a", "$[0]", "$.a_1-b.c[10][2]", `$."a.b"`, `$.""`, `$."\""`, "$.naïve", "$.0"} {
		if err := value.CheckJSONPath(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{"", "a", "$a", "$.", "$..a", "$.a b", "$.*", "$[*]", "$[-1]", "$[01]", "$[", "$[]", "$[1", "$.a.", `$."a`, `$."a\`, `$."\x"`, `$."a"b`, `$."\ud800"`, `$['a']`,
		"$ ", "$**.a", "$[99999999999999999999]", "$.a\x00"} {
		if value.CheckJSONPath(bad) == nil {
			t.Errorf("%q is a path", bad)
		}
	}
}

// FuzzJSONPath holds that what a path finds is what the standard library finds, and that nothing panics.
func FuzzJSONPath(f *testing.F) {
	for _, doc := range []string{`{"a":[1,{"b":"c"}],"":null}`, `[[],{}," "]`, `"x"`, `{"a":{"a":{"a":1}}}`, `{"a":1,"a":2}`, `{`, ``} {
		f.Add(doc, "$.a[1].b")
		f.Add(doc, `$[0]`)
		f.Add(doc, `$."".a`)
	}
	f.Fuzz(func(t *testing.T, doc, path string) {
		if value.CheckJSONPath(path) != nil {
			return
		}
		p := compile(t, document, target("json"), at(path))
		body, null, _, fault := p.Append([]byte{}, value.Cell(doc))
		var whole any
		dec := json.NewDecoder(strings.NewReader(doc))
		dec.UseNumber()
		if !json.Valid([]byte(doc)) {
			if fault != "json" {
				t.Fatalf("%q is no JSON: %q, fault %q", doc, body, fault)
			}
			return
		}
		if err := dec.Decode(&whole); err != nil || fault != "" {
			return
		}
		want, _ := json.Marshal(walkPath(whole, path))
		got := body
		if null {
			got = []byte("null")
		}
		var found any
		dec = json.NewDecoder(bytes.NewReader(got))
		dec.UseNumber()
		if err := dec.Decode(&found); err != nil {
			t.Fatalf("%q of %q is %q: %v", path, doc, got, err)
		}
		if again, _ := json.Marshal(found); !bytes.Equal(again, want) {
			t.Fatalf("%q of %q is %s, want %s", path, doc, again, want)
		}
	})
}

// walkPath follows a path that is one through what the standard library has read.
func walkPath(v any, path string) any {
	for rest := path[1:]; rest != ""; {
		if rest[0] == '[' {
			var i int
			_, _ = fmt.Sscanf(rest, "[%d]", &i)
			v, rest = v.([]any)[i], rest[strings.Index(rest, "]")+1:]
			continue
		}
		name := rest[1:]
		if end := strings.IndexAny(name, ".["); end >= 0 && name[0] != '"' {
			name = name[:end]
		}
		rest = rest[1+len(name):]
		if name[0] == '"' {
			dec := json.NewDecoder(strings.NewReader(name))
			var key string
			_ = dec.Decode(&key)
			rest, name = name[dec.InputOffset():], key
		}
		v = v.(map[string]any)[name]
	}
	return v
}

func TestWhatAPathFindsIsThere(tt *testing.T) {
	rapid.Check(tt, func(t *rapid.T) {
		doc := drawDocument(t, 3)
		path := "$" + strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{".a", ".b", `.""`, "[0]", "[1]", "[2]"}), 0, 3).Draw(t, "path"), "")
		p := compile(tt, document, target("json"), at(path))
		body, null, _, fault := p.Append([]byte{}, value.Cell(doc))
		if fault == "" && !null && (!json.Valid(body) || !strings.Contains(doc, string(body))) {
			t.Fatalf("%s of %s is %s", path, doc, body)
		}
	})
}
