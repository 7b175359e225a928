package target

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"rehome/pkg/mapping"
	"rehome/pkg/shard"
)

// message spells a message of the server.
func message(kind byte, body []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{kind}, uint32(len(body)+4)), body...)
}

// slowly has a reader return a few bytes at a time, as a network does.
type slowly struct {
	io.Reader
	sizes []int
	at    int
}

func (s *slowly) Read(p []byte) (int, error) {
	s.at++
	return s.Reader.Read(p[:min(len(p), s.sizes[s.at%len(s.sizes)])])
}

func TestASieveKeepsRowsBackAndLetsAllElsePass(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var sent, passing bytes.Buffer
		var rows [][]byte
		for range rapid.IntRange(0, 40).Draw(t, "messages") {
			kind := rapid.SampledFrom([]byte("DDDDDTCNSZ2")).Draw(t, "kind")
			size := rapid.OneOf(rapid.IntRange(2, 300), rapid.IntRange(2, 3*sieveBytes)).Draw(t, "size")
			m := message(kind, bytes.Repeat([]byte{byte(size)}, size))
			sent.Write(m)
			if kind == 'D' {
				rows = append(rows, m[5:])
			} else {
				passing.Write(m)
			}
		}
		after := rapid.SliceOfN(rapid.Byte(), 0, 50).Draw(t, "what comes when it is off")
		count := passing.Len()
		sent.Write(message('Z', []byte("T")))
		sent.Write(after)
		sizes := rapid.SliceOfN(rapid.IntRange(1, 2*sieveBytes), 1, 5).Draw(t, "sizes")
		s := &sieve{from: &slowly{&sent, sizes, 0}}
		s.on(func(tuple []byte) {
			if len(rows) == 0 || !bytes.Equal(tuple, rows[0]) {
				t.Fatalf("a row of %d bytes that is not the next of %d", len(tuple), len(rows))
			}
			rows = rows[1:]
		})
		got := make([]byte, count+6)
		if _, err := io.ReadFull(&slowly{s, sizes, 1}, got); err != nil || !bytes.Equal(got, append(passing.Bytes(), message('Z', []byte("T"))...)) {
			t.Fatalf("%d bytes have passed, not as they were: %v", len(got), err)
		}
		if len(rows) > 0 {
			t.Fatalf("%d rows were not handed on", len(rows))
		}
		s.off()
		if rest, err := io.ReadAll(s); err != nil || !bytes.Equal(rest, after) || s.room != nil {
			t.Fatalf("%d of %d bytes have passed afterwards, %v; room is left: %t", len(rest), len(after), err, s.room != nil)
		}
	})
}

func TestASieveTellsThatTheConnectionIsLost(t *testing.T) {
	lost := errors.New("lost")
	row := message('D', make([]byte, 3*sieveBytes))
	for _, had := range [][]byte{nil, []byte("D\x00"), row[:100], row[:2*sieveBytes], message('C', nil)[:3]} {
		s := &sieve{from: io.MultiReader(bytes.NewReader(had), iotest.ErrReader(lost))}
		s.on(func([]byte) { t.Error("a row came") })
		if n, err := s.Read(make([]byte, 100)); n > 0 || !errors.Is(err, lost) {
			t.Errorf("after %d bytes: %d bytes and %v", len(had), n, err)
		}
	}
}

func TestASieveLetsPassWhatIsNoRow(t *testing.T) {
	for _, head := range []string{"D\x00\x00\x00\x00", "D\x00\x00\x00\x05", "D\xff\xff\xff\xff"} {
		s := &sieve{from: bytes.NewReader([]byte(head + "more"))}
		s.on(func([]byte) { t.Error("a row came") })
		got := make([]byte, 5)
		if _, err := io.ReadFull(s, got); err != nil || string(got) != head {
			t.Errorf("%q came as %q, %v", head, got, err)
		}
	}
}

func TestReadBackEndsWithTheErrorOfTheOneWhoReads(t *testing.T) {
	conn, _ := open(t, people)
	e := plan(t, conn, "app.users", 1, "id", "name")
	raw, tx := begin(t, conn)
	w := window(e, users(0, 20_000)...)
	must(t, tx.Copy(t.Context(), w))
	enough, rows := errors.New("enough"), 0
	err := tx.ReadBack(t.Context(), w, func(int, []byte) error {
		if rows++; rows == 100 {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) || rows != 100 {
		t.Fatalf("%d rows and %v", rows, err)
	}
	w = window(e, users(20_000, 20_010)...)
	must(t, tx.Copy(t.Context(), w))
	same(t, readBack(t, tx, w), tuples(users(20_000, 20_010)))
	must(t, raw.Commit(t.Context()))
}

func TestReadBackFindsRowsByTheirKeysWhereTheyAreStoredOtherwise(t *testing.T) {
	conn, _ := open(t, people)
	e := plan(t, conn, "app.users", 1, "id", "name")
	_, tx := begin(t, conn)
	rows := users(0, 100)
	w := window(e, rows...)
	must(t, tx.Copy(t.Context(), w))
	_, err := conn.Exec(t.Context(), `UPDATE app.users SET name = 'other' WHERE id IN (0, 50, 99)`)
	must(t, err)
	got := map[int]string{}
	must(t, tx.ReadBack(t.Context(), w, func(at int, tuple []byte) error { got[at] = string(tuple); return nil }))
	for at := range rows {
		want := string(w.Tuple(at))
		if at%50 == 0 || at == 99 {
			want = string(appendTuple(nil, [][]byte{int8of(at), []byte("other")}))
		}
		if got[at] != want {
			t.Errorf("row %d came as %q", at, got[at])
		}
	}
	if _, err := appendKey(nil, []byte{0, 1, 0, 0, 0, 9}, []int{0}); !errors.Is(err, errKeyShape) || len(w.Tuple(0)) == 0 || (&shard.Window{}).Tuple(0) != nil {
		t.Errorf("of a tuple that is cut short: %v", err)
	}
}

func TestARowIsFoundInWhateverOrderItComes(t *testing.T) {
	e := &mapping.RowPlan{KeyColumns: []int{0}}
	rapid.Check(t, func(t *rapid.T) {
		keys := rapid.SliceOfNDistinct(rapid.IntRange(0, 1000), 1, 50, rapid.ID[int]).Draw(t, "keys")
		if rapid.Bool().Draw(t, "in order") {
			slices.Sort(keys)
		}
		var rows [][][]byte
		for _, k := range keys {
			rows = append(rows, [][]byte{int8of(k), {byte(k)}})
		}
		w := window(e, rows...)
		if rapid.Bool().Draw(t, "without tuples") {
			w.Tuples, w.Ends = nil, nil
		}
		r := &reader{shape: &shape{at: e.KeyColumns}, window: w, byKey: map[string]int{"left from before": 7}}
		for _, k := range rapid.SliceOfN(rapid.OneOf(rapid.SampledFrom(keys), rapid.IntRange(0, 1000)), 1, 100).Draw(t, "come") {
			at, err := r.find(appendTuple(nil, [][]byte{int8of(k), {byte(k)}}))
			if err != nil || at != slices.Index(keys, k) {
				t.Fatalf("key %d of %v is found at %d, %v", k, keys, at, err)
			}
			r.next = at + 1
		}
	})
}
