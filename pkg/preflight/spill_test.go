package preflight

import (
	"errors"
	"io"
	"runtime"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// A memory is a temporary file in memory.
type memory struct {
	bytes  []byte
	closed bool
	fails  error
}

func (m *memory) WriteAt(p []byte, at int64) (int, error) {
	if m.fails != nil {
		return 0, m.fails
	}
	m.bytes = append(m.bytes[:at], p...)
	return len(p), nil
}

func (m *memory) ReadAt(p []byte, at int64) (int, error) {
	n := copy(p, m.bytes[at:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (m *memory) Close() error {
	m.closed = true
	return nil
}

func everyUnit(uint64) bool { return true }

func TestASpillFindsJustTheRowsThatShareAHash(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		file := &memory{}
		s := newSpill(func() (File, error) { return file, nil })
		s.room = rapid.IntRange(1, 5).Draw(t, "records of a block") * recordSize
		refused := uint64(rapid.IntRange(0, 9).Draw(t, "refused"))
		want := map[[hashSize]byte][]uint64{}
		for range rapid.IntRange(0, 300).Draw(t, "rows") {
			var r record
			r.hash[0], r.hash[15] = byte(rapid.IntRange(0, 2).Draw(t, "bucket")), byte(rapid.IntRange(0, 40).Draw(t, "hash"))
			r.unit, r.row = uint64(rapid.IntRange(0, 9).Draw(t, "unit")), uint64(rapid.IntRange(0, 500).Draw(t, "row"))
			if err := s.add(r); err != nil {
				t.Fatal(err)
			}
			if r.unit != refused && !slices.Contains(want[r.hash], r.row) {
				want[r.hash] = append(want[r.hash], r.row)
			}
		}
		for hash, rows := range want {
			if slices.Sort(rows); len(rows) < 2 {
				delete(want, hash)
			}
		}
		got := map[[hashSize]byte][]uint64{}
		err := s.groups(func(unit uint64) bool { return unit != refused }, func(group []record) error {
			for _, r := range group {
				got[r.hash] = append(got[r.hash], r.row)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
		if s.close(); s.file != nil && !file.closed {
			t.Fatal("the file stays open")
		}
	})
}

func TestARowThatWasReadTwiceIsNoDuplicateAndIsReadAgainWhereItDidNotFail(t *testing.T) {
	s := newSpill(nil)
	for part := range uint32(3) {
		if err := s.add(record{row: 1, part: part}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.add(record{row: 2, part: 7}); err != nil {
		t.Fatal(err)
	}
	var got []uint32
	if err := s.groups(everyUnit, func(group []record) error {
		for _, r := range group {
			got = append(got, r.part)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]uint32{2, 7}, got); diff != "" {
		t.Error(diff)
	}
}

func TestASpillThatCannotBeWrittenSaysSo(t *testing.T) {
	full := errors.New("no space left on device")
	for _, create := range []func() (File, error){
		func() (File, error) { return nil, full },
		func() (File, error) { return &memory{fails: full}, nil },
	} {
		s := newSpill(create)
		s.room = recordSize
		if err := s.add(record{}); !errors.Is(err, full) {
			t.Errorf("%v", err)
		}
	}
}

// The limit is per bucket: a spill of many rows holds as much in memory as one of few.
func TestASpillStaysFlatInMemory(t *testing.T) {
	const rows = 400_000
	s := newSpill(func() (File, error) { return &discard{}, nil })
	s.room = 16 * recordSize
	h := newHasher()
	held := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	var before, after uint64
	for i := range rows {
		if err := s.add(record{hash: h.key([]byte{byte(i), byte(i >> 8), byte(i >> 16)}), row: uint64(i)}); err != nil {
			t.Fatal(err)
		}
		switch i {
		case rows / 10:
			before = held()
		case rows - 1:
			after = held()
		}
	}
	// What grows is where the blocks lie in the file: 16 bytes for 16 records.
	if grown := int64(after) - int64(before); grown > 2<<20 {
		t.Errorf("%d bytes more are held after ten times the rows", grown)
	}
	runtime.KeepAlive(s)
}

// discard is a file of which only the size counts.
type discard struct{}

func (*discard) WriteAt(p []byte, _ int64) (int, error) { return len(p), nil }
func (*discard) ReadAt(p []byte, _ int64) (int, error)  { return len(p), nil }
func (*discard) Close() error                           { return nil }

func TestUnitsAreASet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var u units
		want := map[uint64]bool{}
		for range rapid.IntRange(0, 200).Draw(t, "n") {
			n := uint64(rapid.IntRange(0, 50).Draw(t, "unit"))
			u.add(n)
			want[n] = true
			if rapid.Bool().Draw(t, "settle") {
				u.settle()
			}
		}
		u.settle()
		for n := range uint64(51) {
			if u.has(n) != want[n] {
				t.Fatalf("unit %d: %t", n, u.has(n))
			}
		}
	})
}
