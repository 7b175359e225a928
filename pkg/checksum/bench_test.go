package checksum

import (
	"strconv"
	"testing"
)

func BenchmarkRow(b *testing.B) {
	for _, size := range []int{110, 430} {
		b.Run(strconv.Itoa(size)+" bytes", func(b *testing.B) {
			row := make([]byte, size)
			b.ReportAllocs()
			b.SetBytes(int64(size))
			var sum Sum
			for b.Loop() {
				sum = sum.Add(Row("app.users", row))
			}
		})
	}
}

func BenchmarkKey(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		Key([]byte("1234567"))
	}
}

func TestADigestCostsNoAllocation(t *testing.T) {
	row := make([]byte, 430)
	if got := testing.AllocsPerRun(100, func() { Row("app.users", row); Key(row) }); got > 0 {
		t.Errorf("%v allocations for the digests of a row and a key", got)
	}
}
