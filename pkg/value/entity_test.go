package value_test

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/big"
	"slices"
	"strconv"
	"testing"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"rehome/pkg/value"
)

// drawKey draws an integer of 64 bits, signed or not.
func drawKey(t *rapid.T) *big.Int {
	signed := rapid.OneOf(rapid.Int64(), rapid.Int64Range(-3, 3), rapid.SampledFrom([]int64{math.MinInt64, math.MinInt64 + 1, math.MaxInt64}))
	if rapid.Bool().Draw(t, "is signed") {
		return big.NewInt(signed.Draw(t, "signed"))
	}
	return new(big.Int).SetUint64(rapid.OneOf(rapid.Uint64(), rapid.Uint64Range(math.MaxUint64-2, math.MaxUint64)).Draw(t, "unsigned"))
}

func idOf(e value.Entity, key *big.Int) []byte {
	id := e.ID([]byte(key.String()))
	return id[:]
}

func TestAnOrderedEntity(t *testing.T) {
	users, plain := value.NewOrderedEntity("community", "user"), value.NewEntity("community", "user")
	t.Run("makes the UUIDs that are documented", func(t *testing.T) {
		for key, want := range map[string]string{
			"0":                    "80000000-0000-8000-8047-54754097eb65",
			"1":                    "80000000-0000-8000-82dc-8667044d17d8",
			"-1":                   "7fffffff-ffff-8fff-bf82-d194a230f552",
			"18446744073709551615": "ffffffff-ffff-8fff-be7f-f945501124f0",
			"-9223372036854775808": "40000000-0000-8000-8184-05487497dcac",
			"734211":               "80000000-0005-89a0-87f3-f22512d4597d",
		} {
			if got := uuid.UUID(users.ID([]byte(key))).String(); got != want {
				t.Errorf("key %s has %s, want %s", key, got, want)
			}
		}
	})
	t.Run("makes UUIDs that sort as the integers do, and differ as they do", rapid.MakeCheck(func(t *rapid.T) {
		a, b := drawKey(t), drawKey(t)
		if rapid.Bool().Draw(t, "neighbours") {
			b = new(big.Int).Add(a, big.NewInt(1))
			if b.BitLen() > 64 {
				return
			}
		}
		if got, want := bytes.Compare(idOf(users, a), idOf(users, b)), a.Cmp(b); got != want {
			t.Fatalf("%s and %s compare as %d, and their UUIDs %x and %x as %d", a, b, want, idOf(users, a), idOf(users, b), got)
		}
	}))
	t.Run("makes UUIDs of version 8 that end as those of version 5 do", rapid.MakeCheck(func(t *rapid.T) {
		key := drawKey(t)
		id, five := uuid.UUID(idOf(users, key)), idOf(plain, key)
		if id.Version() != 8 || id.Variant() != uuid.RFC4122 {
			t.Fatalf("%s is of version %d, variant %s", id, id.Version(), id.Variant())
		}
		const last57 = 1<<57 - 1
		if binary.BigEndian.Uint64(id[8:])&last57 != binary.BigEndian.Uint64(five[8:])&last57 {
			t.Fatalf("%s does not end as %x", id, five)
		}
	}))
	t.Run("makes other UUIDs than any other entity or namespace", func(t *testing.T) {
		seen := map[[16]byte]bool{}
		for _, e := range []value.Entity{users, plain, value.NewOrderedEntity("community", "post"), value.NewOrderedEntity("other", "user")} {
			for n := range 1000 {
				seen[e.ID(strconv.AppendInt(nil, int64(n), 10))] = true
			}
		}
		if len(seen) != 4000 {
			t.Errorf("4000 keys have %d identifiers", len(seen))
		}
	})
	t.Run("has the UUID of version 5 for what is no integer of 64 bits", func(t *testing.T) {
		for _, key := range []string{"", "a", "1\x1f2", "1.0", "18446744073709551616", "-9223372036854775809"} {
			if users.ID([]byte(key)) != plain.ID([]byte(key)) {
				t.Errorf("key %q has %x", key, users.ID([]byte(key)))
			}
		}
	})
	t.Run("costs no allocation", func(t *testing.T) {
		key := []byte("1234567")
		if got := testing.AllocsPerRun(100, func() { users.ID(key) }); got > 0 {
			t.Errorf("%v allocations", got)
		}
	})
}

func TestTheServerSortsOrderedUUIDsAsTheirKeys(t *testing.T) {
	s, users := connect(t), value.NewOrderedEntity("community", "user")
	rapid.Check(t, func(t *rapid.T) {
		keys := rapid.SliceOfNDistinct(rapid.Custom(drawKey), 1, 200, (*big.Int).String).Draw(t, "keys")
		var ids []uuid.UUID
		var numbers, sorted []string
		for _, key := range keys {
			ids, numbers = append(ids, uuid.UUID(idOf(users, key))), append(numbers, key.String())
		}
		slices.SortFunc(keys, (*big.Int).Cmp)
		for _, key := range keys {
			sorted = append(sorted, key.String())
		}
		var got []string
		s.ask(t, &got, `SELECT array_agg(number ORDER BY id) FROM unnest($1::uuid[], $2::text[]) AS t(id, number)`, ids, numbers)
		if !slices.Equal(got, sorted) {
			t.Fatalf("the server sorts %q as %q", sorted, got)
		}
	})
}
