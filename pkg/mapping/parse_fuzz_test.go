package mapping

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzParse holds that no text makes Parse panic, that every fault has a place, and that a file without faults comes back
// from its canonical form.
func FuzzParse(f *testing.F) {
	f.Add(sample(f))
	for _, seed := range []string{
		whole, small, "", "\ufeffname: m\n", "name: &a [*a]\n", "? a\n: b\n", "<<: {a: b}\n", "%YAML 1.2\n---\nname: m\n", "- !!map {}\n",
		"a: |\n  b\n", "name: \"\\0\"\n", "users: {from: 'a', key: [}", "{}", "[]", "~", "tables: [~, {columns: {~: ~}}]\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		file, faults := Parse("f", src, nil)
		for _, fault := range faults {
			if fault.Line < 1 || fault.Col < 1 || fault.Message == "" || fault.File != "f" {
				t.Fatalf("a fault without its place: %#v", fault)
			}
		}
		if len(faults) > 0 {
			return
		}
		back, err := Decode(Canonical(file))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(file, back, asStored); diff != "" {
			t.Fatal(diff)
		}
	})
}
