package target

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"testing"

	"github.com/google/uuid"

	"rehome/pkg/mapping"
	"rehome/pkg/shard"
)

const (
	benchRows   = 1_000_000
	benchWindow = 65_536
)

// wide makes a window of rows of a uuid and sixteen columns.
func wide(w *shard.Window, e *mapping.RowPlan, first, limit int) {
	w.Entry, w.Tuples, w.Rows = e, w.Tuples[:0], w.Rows[:0]
	values := make([][]byte, 17)
	for n := first; n < limit; n++ {
		id := uuid.NewSHA1(uuid.NameSpaceURL, binary.BigEndian.AppendUint64(nil, uint64(n)))
		values[0] = id[:]
		for c := 1; c < 17; c += 2 {
			values[c], values[c+1] = int8of(n*c), fmt.Appendf(values[c+1][:0], "column %d of %d", c, n)
		}
		w.Tuples = appendTuple(w.Tuples, values)
		w.Rows = append(w.Rows, shard.Arrived{TargetKey: appendField(nil, id[:])})
	}
}

func benchTable() (ddl string, columns []string) {
	ddl, columns = `CREATE SCHEMA app; CREATE TABLE app.users (id uuid PRIMARY KEY`, []string{"id"}
	for c := 1; c < 17; c += 2 {
		ddl += fmt.Sprintf(", n%d bigint, t%d text", c, c)
		columns = append(columns, fmt.Sprintf("n%d", c), fmt.Sprintf("t%d", c))
	}
	return ddl + ")", columns
}

func BenchmarkPlainCopy(b *testing.B) {
	ddl, columns := benchTable()
	for b.Loop() {
		b.StopTimer()
		conn, _ := open(b, ddl)
		e := plan(b, conn, "app.users", 1, columns...)
		var w shard.Window
		wide(&w, e, 0, benchRows)
		b.StartTimer()
		stream := io.MultiReader(bytes.NewReader(copyHeader), bytes.NewReader(w.Tuples), bytes.NewReader(copyTrailer))
		if _, err := conn.PgConn().CopyFrom(b.Context(), stream, `COPY app.users FROM STDIN (FORMAT binary)`); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCopyAndReadBack(b *testing.B) {
	ddl, columns := benchTable()
	for b.Loop() {
		b.StopTimer()
		conn, _ := open(b, ddl)
		e := plan(b, conn, "app.users", 1, columns...)
		raw, tx := begin(b, conn)
		var w shard.Window
		back := 0
		for first := 0; first < benchRows; first += benchWindow {
			wide(&w, e, first, min(first+benchWindow, benchRows))
			b.StartTimer()
			must(b, tx.Copy(b.Context(), &w))
			must(b, tx.ReadBack(b.Context(), &w, func(int, []byte) error { back++; return nil }))
			b.StopTimer()
		}
		b.StartTimer()
		must(b, raw.Commit(b.Context()))
		if back != benchRows {
			b.Fatalf("%d rows came back", back)
		}
	}
}
