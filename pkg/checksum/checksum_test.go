package checksum

import (
	"encoding/hex"
	"encoding/json"
	"hash/crc32"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

var sums = rapid.Custom(func(t *rapid.T) Sum {
	word := rapid.OneOf(rapid.Uint64(), rapid.SampledFrom([]uint64{0, 1, math.MaxUint64, 1 << 63}))
	return Sum{word.Draw(t, "hi"), word.Draw(t, "lo")}
})

func (s Sum) big() *big.Int {
	return new(big.Int).Or(new(big.Int).Lsh(new(big.Int).SetUint64(s.hi), 64), new(big.Int).SetUint64(s.lo))
}

var modulus = new(big.Int).Lsh(big.NewInt(1), 128)

func TestSum(t *testing.T) {
	t.Run("adding and subtracting are those of integers modulo 2^128", rapid.MakeCheck(func(t *rapid.T) {
		a, b := sums.Draw(t, "a"), sums.Draw(t, "b")
		plus := new(big.Int).Add(a.big(), b.big())
		if got := a.Add(b).big(); got.Cmp(plus.Mod(plus, modulus)) != 0 {
			t.Fatalf("%s + %s = %x", a, b, got)
		}
		minus := new(big.Int).Sub(a.big(), b.big())
		if got := a.Sub(b).big(); got.Cmp(minus.Mod(minus, modulus)) != 0 {
			t.Fatalf("%s - %s = %x", a, b, got)
		}
	}))
	t.Run("what was added can be taken out again", rapid.MakeCheck(func(t *rapid.T) {
		a, b := sums.Draw(t, "a"), sums.Draw(t, "b")
		if got := a.Add(b).Sub(b); got != a {
			t.Fatalf("got %s, want %s", got, a)
		}
		if got := (Sum{}).Sub(a).Add(a); got != (Sum{}) {
			t.Fatalf("got %s, want zero", got)
		}
	}))
	t.Run("the lower half carries and borrows", func(t *testing.T) {
		top := Sum{0, math.MaxUint64}
		if got := top.Add(Sum{0, 1}); got != (Sum{1, 0}) {
			t.Errorf("carry: got %s", got)
		}
		if got := (Sum{1, 0}).Sub(Sum{0, 1}); got != top {
			t.Errorf("borrow: got %s", got)
		}
	})
}

func TestRow(t *testing.T) {
	t.Run("the digest is the one that is documented", func(t *testing.T) {
		// printf '\x00\x00\x00\x09app.usersrow' | sha256sum
		if got := Row("app.users", []byte("row")).String(); got != "b328524773f62dd0ff60fdfedcc310a4" {
			t.Errorf("got %s", got)
		}
	})
	t.Run("the order of rows does not count", rapid.MakeCheck(func(t *rapid.T) {
		rows := rapid.SliceOf(rapid.SliceOf(rapid.Byte())).Draw(t, "rows")
		var there, shuffled Sum
		for _, row := range rows {
			there = there.Add(Row("t", row))
		}
		for _, i := range rand.Perm(len(rows)) {
			shuffled = shuffled.Add(Row("t", rows[i]))
		}
		if there != shuffled {
			t.Fatalf("%s, %s", there, shuffled)
		}
	}))
	t.Run("pitfall 21: pairs that a sum of CRC32 or an XOR takes for others are told apart", func(t *testing.T) {
		before, after := [2]string{"row 1: 10", "row 2: 20"}, [2]string{"row 1: 20", "row 2: 10"}
		crc := func(rows [2]string) uint32 {
			return crc32.ChecksumIEEE([]byte(rows[0])) ^ crc32.ChecksumIEEE([]byte(rows[1]))
		}
		sum := func(rows [2]string) Sum { return Row("t", []byte(rows[0])).Add(Row("t", []byte(rows[1]))) }
		if crc(before) != crc(after) {
			t.Fatal("this pair does not cancel out")
		}
		if sum(before) == sum(after) {
			t.Errorf("two values that changed places go unseen: %s", sum(before))
		}
		if row := Row("t", []byte("twice")); row.Add(row) == (Sum{}) || row.Add(row) == row {
			t.Errorf("a row that came twice goes unseen: %s", row.Add(row))
		}
	})
	t.Run("equal rows do not cancel out", func(t *testing.T) {
		row := Row("t", []byte("twin"))
		if twins := row.Add(row); twins == (Sum{}) || twins == row {
			t.Errorf("got %s", twins)
		}
	})
	t.Run("where the table's name ends makes a difference", func(t *testing.T) {
		if Row("ab", []byte("c")) == Row("a", []byte("bc")) {
			t.Error("one digest for rows of two tables")
		}
	})
	t.Run("the manifest remembers the upper half", func(t *testing.T) {
		if got := (Sum{math.MaxUint64, 7}).Hash64(); got != -1 {
			t.Errorf("got %d", got)
		}
	})
}

func TestForms(t *testing.T) {
	t.Run("a sum comes back from text, JSON and bytes as it was", rapid.MakeCheck(func(t *rapid.T) {
		want := sums.Draw(t, "sum")
		var text, object Sum
		if err := text.UnmarshalText([]byte(want.String())); err != nil || text != want {
			t.Fatalf("text: got %s, %v", text, err)
		}
		body, err := json.Marshal(want)
		if err != nil || len(body) != 34 {
			t.Fatalf("%s, %v", body, err)
		}
		if err := json.Unmarshal(body, &object); err != nil || object != want {
			t.Fatalf("JSON: got %s, %v", object, err)
		}
		raw := want.Append([]byte("before"))
		if len(raw) != 6+Size || string(raw[:6]) != "before" {
			t.Fatalf("got %x", raw)
		}
		if got := FromBytes([Size]byte(raw[6:])); got != want {
			t.Fatalf("bytes: got %s, want %s", got, want)
		}
		if hex.EncodeToString(raw[6:]) != want.String() {
			t.Fatalf("bytes %x are not those of %s", raw[6:], want)
		}
	}))
	t.Run("a text that is none leaves the sum as it was", func(t *testing.T) {
		for _, text := range []string{"", "00", "0000000000000000000000000000000g", "000000000000000000000000000000000"} {
			sum := Sum{1, 2}
			if err := sum.UnmarshalText([]byte(text)); err == nil || sum != (Sum{1, 2}) {
				t.Errorf("%q: got %s, %v", text, sum, err)
			}
		}
	})
}

func TestKey(t *testing.T) {
	// sha256("1") begins with 6b86b273ff34fce1, sha256("") with e3b0c44298fc1c14.
	for text, want := range map[string]uint64{"1": 0x6b86b273ff34fce1, "": 0xe3b0c44298fc1c14} {
		if got := Key([]byte(text)); uint64(got) != want {
			t.Errorf("key %q: got %x, want %x", text, uint64(got), want)
		}
	}
}
