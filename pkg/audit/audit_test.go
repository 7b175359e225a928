package audit

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rehome/pkg/keyspace"
	"rehome/pkg/shard"
)

func TestAudit(t *testing.T) {
	for name, test := range map[string]struct {
		change func(w *world)
		counts map[shard.Class]int64
		found  []string
	}{
		"what is as it should be is identical, or changed by a rule": {
			func(*world) {}, map[shard.Class]int64{shard.Identical: 2, shard.ByRule: 1}, nil,
		},
		"a row that the target has changed is named with its column": {
			func(w *world) { w.stored[1] = "other" },
			map[shard.Class]int64{shard.Identical: 1, shard.ByRule: 1, shard.Changed: 1}, []string{"changed 1 name"},
		},
		"a row that both sides have changed to the same is the same": {
			func(w *world) { w.stored[1], w.plain[1], w.rows[1] = "new", "new", "new" },
			map[shard.Class]int64{shard.Identical: 2, shard.ByRule: 1}, nil,
		},
		"a row that is gone from the target is deleted": {
			func(w *world) { delete(w.stored, 2) },
			map[shard.Class]int64{shard.Identical: 2, shard.Deleted: 1}, []string{"deleted 2"},
		},
		"a row that the legacy database has changed since is told apart": {
			func(w *world) { w.plain[1], w.rows[1] = "new", "new" },
			map[shard.Class]int64{shard.Identical: 1, shard.ByRule: 1, shard.LegacyChanged: 1}, []string{"legacy_changed 1 name"},
		},
		"a row that the migration reads otherwise than it is, is wrong": {
			func(w *world) { w.plain[1] = "as it is" },
			map[shard.Class]int64{shard.Identical: 1, shard.ByRule: 1, shard.Wrong: 1}, []string{"wrong 1 name"},
		},
		"a row that the migration encodes otherwise than it means, is wrong": {
			func(w *world) { w.printed[1] = "something else" },
			map[shard.Class]int64{shard.Identical: 1, shard.ByRule: 1, shard.Wrong: 1}, []string{"wrong 1 name"},
		},
		"a row that is gone from the legacy database": {
			func(w *world) { delete(w.plain, 3) },
			map[shard.Class]int64{shard.Identical: 1, shard.ByRule: 1, shard.LegacyGone: 1}, []string{"legacy_gone 3"},
		},
		"a row that is gone from the legacy database, and that the target has changed": {
			func(w *world) { delete(w.plain, 3); w.stored[3] = "other" },
			map[shard.Class]int64{shard.Identical: 1, shard.ByRule: 1, shard.Changed: 1}, []string{"changed 3"},
		},
		"a row that would have another key by now": {
			func(w *world) { delete(w.plain, 3); w.moved = 3 },
			map[shard.Class]int64{shard.Identical: 1, shard.ByRule: 1, shard.LegacyChanged: 1}, []string{"legacy_changed 3"},
		},
		"a row that is gone from both sides is missed in the target": {
			func(w *world) { delete(w.plain, 3); delete(w.stored, 3) },
			map[shard.Class]int64{shard.Identical: 1, shard.ByRule: 1, shard.Deleted: 1}, []string{"deleted 3"},
		},
		"a row that is new in the legacy database": {
			func(w *world) { w.plain[7] = "new" },
			map[shard.Class]int64{shard.Identical: 2, shard.ByRule: 1, shard.LegacyNew: 1}, []string{"legacy_new 7"},
		},
		"a row that waits is no difference": {
			func(w *world) { w.plain[7] = "new"; w.waiting[7] = true },
			map[shard.Class]int64{shard.Identical: 2, shard.ByRule: 1}, nil,
		},
		"a user whom nobody has read": {
			func(w *world) { w.appear = []keyspace.Key{{"9"}} },
			map[shard.Class]int64{shard.Identical: 2, shard.ByRule: 1, shard.LegacyNew: 1}, []string{"legacy_new 9"},
		},
	} {
		for _, rows := range []int{1, 2, 100} {
			t.Run(fmt.Sprintf("%s, in windows of %d", name, rows), func(t *testing.T) {
				w := newWorld(t, "Ann", " Bob ", "Cy")
				test.change(w)
				counts, found := w.audit(Limits{WindowRows: rows})
				if diff := cmp.Diff(test.counts, counts); diff != "" {
					t.Errorf("counts (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(test.found, found); diff != "" {
					t.Errorf("findings (-want +got):\n%s", diff)
				}
				if want := len(test.found); len(w.result.Suspects) != want {
					t.Errorf("%d suspects, want %d", len(w.result.Suspects), want)
				}
			})
		}
	}
	t.Run("findings are limited, and counts and suspects are not", func(t *testing.T) {
		w := newWorld(t, "a", "b", "c", "d", "e")
		for id := range w.stored {
			w.stored[id] = "changed"
		}
		counts, found := w.audit(Limits{Findings: 2})
		if counts[shard.Changed] != 5 || len(found) != 2 || len(w.result.Suspects) != 5 {
			t.Errorf("%v, %v, %d suspects", counts, found, len(w.result.Suspects))
		}
	})
	t.Run("a window ends at its bytes", func(t *testing.T) {
		w := newWorld(t, "a", "b", "c", "d", "e")
		w.audit(Limits{WindowBytes: 1})
		if w.windows != 5 {
			t.Errorf("%d windows", w.windows)
		}
	})
	t.Run("rows that no manifest knows are found by their table", func(t *testing.T) {
		w := newWorld(t, "a", "b")
		w.stored[8] = "added"
		a := Auditor{Mapping: w.mapping}
		s := &shard.Shard{ID: shard.ID{Migration: "small"}, Kind: shard.Audit, Entry: 0}
		r, err := a.Audit(t.Context(), s, source{w}, w, book{w})
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Findings) != 1 || r.Findings[0].Class != shard.Added || string(r.Findings[0].TargetKey) != string(w.pair(8).TargetKey) {
			t.Errorf("%+v", r.Findings)
		}
	})
}
