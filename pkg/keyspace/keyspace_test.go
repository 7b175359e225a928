package keyspace

import (
	"bytes"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var keys = rapid.Custom(func(t *rapid.T) Key {
	return Key(rapid.SliceOfN(rapid.String(), 1, 3).Draw(t, "columns"))
})

// cuts are the keys "0", "1" and so on: who compares bounds for order cannot tell that "10" does not follow "1".
func cuts(n int) []Key {
	out := make([]Key, n)
	for i := range out {
		out[i] = Key{string(rune('0' + i))}
	}
	return out
}

func TestCanonical(t *testing.T) {
	for name, test := range map[string]struct {
		key  Key
		want []byte
	}{
		"no key is nil":                      {nil, nil},
		"one empty text is a key":            {Key{""}, []byte{}},
		"one column is its text":             {Key{"42"}, []byte("42")},
		"columns are joined by a 0x1f byte":  {Key{"a", "", "b"}, []byte("a\x1f\x1fb")},
		"two empty columns are not one":      {Key{"", ""}, []byte("\x1f")},
		"text is taken byte by byte as UTF8": {Key{"Jürgen"}, []byte("J\xc3\xbcrgen")},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, test.key.Canonical()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestArgs(t *testing.T) {
	t.Run("a column is bound as its own type", func(t *testing.T) {
		key := Key{"-9223372036854775808", "9223372036854775807", "9223372036854775808", "18446744073709551615", "0", "O'Neill", "00ff", ""}
		kinds := []Kind{Integer, Integer, Integer, Integer, Integer, Text, Binary, Binary}
		want := []any{
			int64(math.MinInt64), int64(math.MaxInt64), uint64(math.MaxInt64) + 1, uint64(math.MaxUint64), int64(0), "O'Neill", []byte{0, 255}, []byte{},
		}
		got, err := key.Args(kinds)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
	for name, test := range map[string]struct {
		key   Key
		kinds []Kind
		want  string
	}{
		"an integer below 64 bits is refused":     {Key{"-9223372036854775809"}, []Kind{Integer}, "column 1 of kind integer: not an integer of 64 bits"},
		"an integer above 64 bits is refused":     {Key{"18446744073709551616"}, []Kind{Integer}, "column 1 of kind integer: not an integer of 64 bits"},
		"text is no integer":                      {Key{"secret"}, []Kind{Integer}, "not an integer of 64 bits"},
		"half a byte is not hexadecimal":          {Key{"1", "abc"}, []Kind{Integer, Binary}, "column 2 of kind binary: not hexadecimal"},
		"a key of fewer columns is refused":       {Key{"1"}, []Kind{Integer, Text}, "1 values for 2 columns"},
		"a key of more columns is refused":        {Key{"1", "2"}, []Kind{Integer}, "2 values for 1 columns"},
		"a column of no known kind is refused":    {Key{"secret"}, []Kind{0}, "column 1 of kind unknown: unknown kind"},
		"a column of a kind to come is refused":   {Key{"secret"}, []Kind{77}, "of kind unknown"},
		"the open end of a range cannot be bound": {nil, []Kind{Integer}, "0 values for 1 columns"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := test.key.Args(test.kinds)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got %v, want an error with %q", err, test.want)
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("the error shows the value: %v", err)
			}
		})
	}
}

func TestMarshal(t *testing.T) {
	t.Run("a key comes back as it was", rapid.MakeCheck(func(t *rapid.T) {
		key := keys.Draw(t, "key")
		got, err := Unmarshal(key.Marshal())
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, key) {
			t.Fatalf("got %q, want %q", got, key)
		}
	}))
	t.Run("no key stays no key, and the empty text stays a key", func(t *testing.T) {
		for _, key := range []Key{nil, {}, {""}, {"", ""}} {
			got, err := Unmarshal(key.Marshal())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(key, got); diff != "" {
				t.Error(diff)
			}
		}
	})
	t.Run("different keys are encoded differently", rapid.MakeCheck(func(t *rapid.T) {
		a, b := keys.Draw(t, "a"), keys.Draw(t, "b")
		if slices.Equal(a, b) != bytes.Equal(a.Marshal(), b.Marshal()) {
			t.Fatalf("%q and %q", a, b)
		}
	}))
	t.Run("what ends within a column is refused, what ends between two is shorter", rapid.MakeCheck(func(t *rapid.T) {
		key := keys.Draw(t, "key")
		raw := key.Marshal()
		end := rapid.IntRange(0, len(raw)-1).Draw(t, "end")
		whole := 0
		for whole < len(key) && len(key[:whole+1].Marshal()) <= end {
			whole++
		}
		got, err := Unmarshal(raw[:end])
		between := len(key[:whole].Marshal()) == end
		if between && (err != nil || !slices.Equal(got, key[:whole])) {
			t.Fatalf("got %q, %v, want %q", got, err, key[:whole])
		}
		if !between && err == nil {
			t.Fatalf("got %q, want an error", got)
		}
	}))
	t.Run("a length that is too large is refused", func(t *testing.T) {
		for _, raw := range []string{"\x02a", "\xff", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "\x01a\x80"} {
			if key, err := Unmarshal([]byte(raw)); err == nil {
				t.Errorf("%x: got %q, want an error", raw, key)
			}
		}
	})
}

func FuzzUnmarshal(f *testing.F) {
	for _, key := range []Key{{}, {""}, {"1"}, {"a", "b"}, {strings.Repeat("x", 300), ""}} {
		f.Add(key.Marshal())
	}
	f.Add([]byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		key, err := Unmarshal(raw)
		if err != nil {
			return
		}
		again, err := Unmarshal(key.Marshal())
		if err != nil || !slices.Equal(key, again) {
			t.Fatalf("%q became %q, %v", key, again, err)
		}
	})
}
