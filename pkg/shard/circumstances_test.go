package shard

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestChanged(t *testing.T) {
	then := Circumstances{Mapping: "3f2a", Rehome: "1.0.0", Position: "bin.000001:1234", Legacy: "9c1b", Target: "77aa"}
	for name, test := range map[string]struct {
		change func(*Circumstances)
		want   []string
	}{
		"nothing":                  {func(*Circumstances) {}, nil},
		"another mapping":          {func(c *Circumstances) { c.Mapping = "4444" }, []string{"the mapping changed"}},
		"another version":          {func(c *Circumstances) { c.Rehome = "1.0.1" }, []string{"the version of rehome changed"}},
		"a write in the legacy":    {func(c *Circumstances) { c.Position = "bin.000001:1235" }, []string{"the legacy database changed"}},
		"another legacy schema":    {func(c *Circumstances) { c.Legacy = "9c1c" }, []string{"the legacy schema changed"}},
		"another trigger":          {func(c *Circumstances) { c.Target = "77ab" }, []string{"the target's tables, their constraints or triggers changed"}},
		"a server without binlog":  {func(c *Circumstances) { c.Position = "" }, []string{"the legacy database, of which no binlog tells, may have changed"}},
		"two at once, in an order": {func(c *Circumstances) { c.Target, c.Mapping = "77ab", "4444" }, []string{"the mapping changed", "the target's tables, their constraints or triggers changed"}},
	} {
		t.Run(name+" is told", func(t *testing.T) {
			now := then
			test.change(&now)
			if diff := cmp.Diff(test.want, then.Changed(now)); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run("what was not known then may have changed", func(t *testing.T) {
		if n := len(Circumstances{}.Changed(then)); n != 5 {
			t.Errorf("%d of 5 may have changed", n)
		}
	})
}
