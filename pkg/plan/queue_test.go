package plan

import (
	"cmp"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"rehome/pkg/keyspace"
)

func TestQueue(t *testing.T) {
	t.Run("integers stand in the order of their values", rapid.MakeCheck(func(t *rapid.T) {
		number := rapid.OneOf(rapid.Int64Range(-1200, 1200), rapid.Int64())
		a, b := big.NewInt(number.Draw(t, "a")), big.NewInt(number.Draw(t, "b"))
		if rapid.Bool().Draw(t, "beyond") {
			b.Add(b, new(big.Int).SetUint64(1<<63))
		}
		q := queue{kind: keyspace.Integer}
		if !q.next(keyspace.Key{a.String()}) {
			t.Fatalf("%s has no place", a)
		}
		if got := q.next(keyspace.Key{b.String()}); got != (a.Cmp(b) < 0) {
			t.Fatalf("%s behind %s: %v", b, a, got)
		}
	}))
	t.Run("all else stands in the order of its bytes", rapid.MakeCheck(func(t *rapid.T) {
		a, b := rapid.String().Draw(t, "a"), rapid.String().Draw(t, "b")
		for _, kind := range []keyspace.Kind{keyspace.Text, keyspace.Binary} {
			if got := compare(kind, []byte(a), []byte(b)); cmp.Compare(got, 0) != strings.Compare(a, b) {
				t.Fatalf("%q and %q: %d", a, b, got)
			}
		}
	}))
	for _, text := range []string{"", "-", "+1", "007", "-0", "00", "1.0", "1e3", " 1", "1 ", "12a", "--1"} {
		t.Run("what is no integer in its one spelling has no place: "+text, func(t *testing.T) {
			q := queue{kind: keyspace.Integer}
			if q.next(keyspace.Key{text}) {
				t.Error("it has")
			}
		})
	}
}
