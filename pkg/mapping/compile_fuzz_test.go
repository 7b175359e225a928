package mapping

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// checkCompile holds that Compile says of any mapping either what it is or what is wrong with it, with a place for each fault.
func checkCompile(t interface {
	Helper()
	Context() context.Context
	Fatalf(string, ...any)
}, file *File) {
	t.Helper()
	c, warnings, err := Compile(t.Context(), file, legacyWorld(), targetWorld())
	var faults Faults
	switch {
	case err == nil && c == nil, err != nil && c != nil, err != nil && !errors.As(err, &faults):
		t.Fatalf("got %v with error %v", c, err)
	case err == nil:
		for _, p := range c.Plans {
			if len(p.KeyColumns) == 0 || len(p.Columns) != len(file.Tables[p.Ordinal].Columns) || len(p.SourceKey) == 0 || p.OfUsers() == (len(p.Key) > 0) {
				t.Fatalf("a plan is not whole: %+v", p)
			}
		}
	}
	for _, fault := range append(faults, warnings...) {
		whole := fault.Path == "ignore" || fault.Path == "keep_originals" || fault.Path == "waves_live"
		if fault.Message == "" || fault.Path == "" || fault.Line == 0 && !whole || strings.Contains(fault.String(), "%!") {
			t.Fatalf("a fault without its place or words: %#v", fault)
		}
	}
}

func TestAMappingWithLinesMissing(t *testing.T) {
	lines := strings.SplitAfter(world, "\n")
	rapid.Check(t, func(t *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		n, src := rapid.IntRange(0, 4).Draw(t, "lines"), append([]string(nil), lines...)
		for range n {
			src[r.IntN(len(src))] = ""
		}
		file, faults := Parse("f", []byte(strings.Join(src, "")), nil)
		if len(faults) == 0 {
			checkCompile(t, file)
		}
	})
}

// FuzzCompile holds the same of any text that Parse takes.
func FuzzCompile(f *testing.F) {
	f.Add(world)
	f.Add(whole)
	f.Add(small)
	f.Add(edited(f, world, "    joins: {countries: lookup}\n", ""))
	f.Add(edited(f, world, "ignore: {sessions: worthless}", "max_row_bytes: 1MiB"))
	f.Fuzz(func(t *testing.T, src string) {
		file, faults := Parse("f", []byte(src), nil)
		if len(faults) == 0 {
			checkCompile(t, file)
		}
	})
}
