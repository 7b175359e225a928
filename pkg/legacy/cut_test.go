package legacy

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"rehome/pkg/keyspace"
	"rehome/pkg/shard"
	"rehome/pkg/value"
)

func TestCutsTileTheUnitsOfASliceUnderEveryKindOfKey(t *testing.T) {
	for name, p := range populations {
		t.Run(name, func(t *testing.T) {
			s := p.fixture(t).snapshot(t, Reading{Users: p.users()})
			for _, slice := range []shard.Slice{{Kind: shard.OfUsers}, {Kind: shard.Unowned, Entry: p.posts()}} {
				all, err := s.Units(t.Context(), slice)
				if err != nil {
					t.Fatal(err)
				}
				var cuts []keyspace.Key
				for {
					cut, err := s.Cut(t.Context(), slice, 2)
					if err != nil {
						t.Fatal(err)
					}
					n, err := s.CountUnits(t.Context(), slice)
					if want := int64(len(all) - 2*len(cuts)); err != nil || n != want {
						t.Fatalf("%d units are left, want %d: %v", n, want, err)
					}
					if cut == nil {
						break
					}
					slice.Range.After, cuts = cut, append(cuts, cut)
				}
				var want []keyspace.Key
				for i := 1; i < len(all); i += 2 {
					want = append(want, all[i])
				}
				if diff := cmp.Diff(want, cuts); diff != "" {
					t.Errorf("every second of %v (-want +got):\n%s", all, diff)
				}
			}
		})
	}
}

func TestExtremes(t *testing.T) {
	f := newFixture(t, `CREATE TABLE posts (pid INT PRIMARY KEY, uid INT, n BIGINT UNSIGNED)`,
		`INSERT INTO posts VALUES (1, 1, 18446744073709551615), (2, 2, 3), (3, 9, NULL), (4, 9, 1)`)
	p := populations["signed integers"].posts()
	s := f.snapshot(t, Reading{Users: populations["signed integers"].users()})
	low, high, err := s.Extremes(t.Context(), p, []string{"n", "uid"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([][]value.Cell{{value.Cell("1"), value.Cell("1")}, {value.Cell("18446744073709551615"), value.Cell("9")}}, [][]value.Cell{low, high}); diff != "" {
		t.Error(diff)
	}
	p.Where = "pid > 4"
	if low, high, err = s.Extremes(t.Context(), p, []string{"n"}); err != nil || low[0] != nil || high[0] != nil {
		t.Errorf("of no rows: %q, %q, %v", low, high, err)
	}
}
