package transfer

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rehome/pkg/checksum"
	"rehome/pkg/mapping"
	"rehome/pkg/shard"
	"rehome/pkg/value"
)

// versionOf spells a version of a row; - is none.
func versionOf(c byte) []byte {
	if c == '-' {
		return nil
	}
	return bytes.ToLower([]byte{c})
}

// compared spells base, target and legacy version of one row.
func compared(e *mapping.RowPlan, versions string) *shard.Compared {
	c := &shard.Compared{Now: versionOf(versions[1]), Beside: versions[1] == 'A'}
	if base := versionOf(versions[0]); base != nil {
		sum := checksum.Row(e.Into, base)
		c.Base = &sum
	}
	if fresh := versionOf(versions[2]); fresh != nil {
		c.New = &shard.Staged{Tuple: fresh}
	}
	return c
}

func TestDecide(t *testing.T) {
	e := &mapping.RowPlan{Into: "app.t"}
	type word struct{ kept, overwritten string }
	for versions, want := range map[string]word{ // as we left it, as it stands, as the legacy database has it
		"---": {"i ", "i "}, // is never asked
		"--a": {"i ", "i "},
		"-aa": {"t added", "u added"}, // it is not ours, whatever it holds
		"-ab": {"t added", "u added"},
		"a--": {"f ", "f "},
		"a-a": {"c deleted", "i deleted"},
		"a-b": {"c deleted", "i deleted"},
		"aa-": {"d ", "d "},
		"aA-": {"c changed", "d changed"}, // A is a with something of the target's own beside it
		"aAa": {"k ", "k "},
		"aAb": {"u ", "u "},
		"aaa": {"k ", "k "},
		"aab": {"u ", "u "},
		"ab-": {"c changed", "d changed"},
		"aba": {"c changed", "u changed"},
		"abb": {"a ", "a "},
		"abc": {"c changed", "u changed"},
	} {
		t.Run("base "+versions[:1]+", target "+versions[1:2]+", legacy "+versions[2:], func(t *testing.T) {
			spell := func(overwrite bool) string {
				d := decide(e, compared(e, versions), overwrite)
				return fmt.Sprintf("%c %s", d.Action, d.Conflict)
			}
			if diff := cmp.Diff(want, word{spell(false), spell(true)}, cmp.AllowUnexported(word{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestNote(t *testing.T) {
	for name, n := range map[string]note{
		"of a row that nothing has changed": {},
		"of a further row of a join":        {extra: true},
		"with rules and originals": {changed: true, hits: []value.Hit{0, 5, 1 << 40}, originals: []shard.Original{
			{Column: "a", Rule: "trim", Bytes: []byte(" x ")}, {Column: "b", Rule: "missing"}, {Column: "c", Rule: "strip", Bytes: []byte{}}}},
		"with attributes": {gathered: shard.Attributes{Rows: 7, Gathered: 4, LeftOut: 3}},
	} {
		t.Run("a note "+name+" is read as it was written", func(t *testing.T) {
			if diff := cmp.Diff(n, readNote(n.marshal(), 3), cmp.AllowUnexported(note{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}
