package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"testing"

	"pgregory.net/rapid"
)

func TestCanonical(t *testing.T) {
	for name, tt := range map[string]struct{ given, want string }{
		"white space goes, and keys are in order":           {"{ \"b\" : [ 1 , 2 ],\n\"a\": null, \"Z\": true}", `{"Z":true,"a":null,"b":[1,2]}`},
		"a letter beside the plane of all is before \ufb33": {"{\"\ufb33\": 1, \"\U0001f600\": 2}", "{\"\U0001f600\":2,\"\ufb33\":1}"},
		"numbers have one spelling":                         {`[1.0, 1e3, 0.50, -0, -0.0, 1E-7, 333333333.33333329, 1e21]`, `[1,1000,0.5,0,0,1e-7,333333333.3333333,1e+21]`},
		"an integer keeps all its digits":                   {`[9007199254740993]`, `[9007199254740993]`},
		"texts have one spelling":                           {`["\u00e9\/\u000a\u001f<>&\u2028\"\\"]`, "[\"é/\\n\\u001f<>&\u2028\\\"\\\\\"]"},
	} {
		t.Run(name, func(t *testing.T) {
			v, err := decode([]byte(tt.given))
			if got := string(canonical(nil, v)); err != nil || got != tt.want {
				t.Errorf("got %s, %v", got, err)
			}
		})
	}
	t.Run("it means the same, and its canonical form is itself", rapid.MakeCheck(func(t *rapid.T) {
		text := rapid.String()
		given := map[string]any{text.Draw(t, "key"): text.Draw(t, "value"), "n": rapid.Float64Range(-1e15, 1e15).Draw(t, "n")}
		body, err := json.Marshal(given)
		if err != nil {
			t.Fatal(err)
		}
		v, err := decode(body)
		if err != nil {
			t.Fatal(err)
		}
		once := canonical(nil, v)
		again, err := decode(once)
		if err != nil || !bytes.Equal(once, canonical(nil, again)) {
			t.Fatalf("%s, %v", once, err)
		}
	}))
	t.Run("what is no JSON, or more than one, or has a key twice, is refused", func(t *testing.T) {
		for _, body := range []string{``, `{`, `[1`, `{"a":1,"a":2}`, `{} {}`, `{"a":{"b":1,"b":1}}`, `tru`} {
			if v, err := decode([]byte(body)); err == nil {
				t.Errorf("%s gave %v", body, v)
			}
		}
	})
}

func TestDigest(t *testing.T) {
	body := text(t, Build(full()), "json")
	t.Run("others compute it by what they have: keys in order, no white space, no escapes but those that have to be", func(t *testing.T) {
		var all map[string]any
		if err := json.Unmarshal(body, &all); err != nil {
			t.Fatal(err)
		}
		want := all["digest"]
		delete(all, "digest")
		delete(all, "seal")
		var plain bytes.Buffer
		enc := json.NewEncoder(&plain)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(all); err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(bytes.TrimSuffix(plain.Bytes(), []byte("\n")))
		if got := "sha256:" + hex.EncodeToString(sum[:]); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
	t.Run("another key gives another seal, and the same digest", func(t *testing.T) {
		a, b := Build(full()), Build(full())
		b.key = []byte("another")
		x, y := seals(t, a), seals(t, b)
		if x[0] != y[0] || x[1] == y[1] {
			t.Errorf("%v, %v", x, y)
		}
	})
}

func seals(t *testing.T, r *Report) [2]string {
	t.Helper()
	var read struct{ Digest, Seal string }
	if err := json.Unmarshal(text(t, r, "json"), &read); err != nil {
		t.Fatal(err)
	}
	return [2]string{read.Digest, read.Seal}
}
