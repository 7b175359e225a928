package legacy

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"rehome/pkg/value"
)

// drawnTypes declares a column of each type, with what draws SQL of a value of it.
var drawnTypes = []struct {
	declared string
	value    *rapid.Generator[string]
}{
	{"TINYINT", between(-128, 127)}, {"TINYINT UNSIGNED", between(0, 255)}, {"SMALLINT", between(-32768, 32767)}, {"SMALLINT UNSIGNED", between(0, 65535)},
	{"MEDIUMINT", between(-8388608, 8388607)}, {"MEDIUMINT UNSIGNED ZEROFILL", between(0, 16777215)}, {"INT", between(-1<<31, 1<<31-1)},
	{"INT UNSIGNED", between(0, 1<<32-1)}, {"BIGINT", between(-1<<63, 1<<63-1)}, {"BIGINT UNSIGNED", spelled(rapid.Uint64())},
	{"DECIMAL(30,7)", spelled(rapid.Float64Range(-1e20, 1e20))}, {"FLOAT", spelled(rapid.Float32())}, {"DOUBLE", spelled(rapid.Float64())}, {"FLOAT(7,2)", between(-9999, 9999)},
	{"DATE", quotedBy("%04d-%02d-%02d", 9999, 12, 28)}, {"DATETIME", quotedBy("%04d-%02d-%02d %02d:%02d:%02d", 9999, 12, 28, 23, 59, 59)},
	{"DATETIME(1)", quotedBy("%04d-%02d-%02d %02d:%02d:%02d.%06d", 9999, 12, 28, 23, 59, 59, 999999)},
	{"DATETIME(4)", quotedBy("%04d-%02d-%02d %02d:%02d:%02d.%06d", 9999, 12, 28, 23, 59, 59, 999999)},
	{"DATETIME(6)", quotedBy("%04d-%02d-%02d %02d:%02d:%02d.%06d", 9999, 12, 28, 23, 59, 59, 999999)},
	{"TIMESTAMP(3) NULL", quotedBy("20%02d-%02d-%02d %02d:%02d:%02d.%06d", 29, 12, 28, 23, 59, 59, 999999)},
	{"TIME", quotedBy("%d:%02d:%02d", 838, 59, 59)}, {"TIME(5)", quotedBy("-%d:%02d:%02d.%06d", 838, 59, 59, 999999)}, {"TIME(6)", quotedBy("%d:%02d:%02d.%06d", 30, 59, 59, 999999)},
	{"YEAR", between(1901, 2155)}, {"BIT(1)", between(0, 1)}, {"BIT(64)", spelled(rapid.Uint64())},
	{"CHAR(20)", written(20)}, {"VARCHAR(300) CHARACTER SET latin1", written(300)}, {"VARCHAR(300)", written(300)}, {"TEXT", written(70_000)}, {"MEDIUMTEXT", written(300_000)},
	{"BINARY(9)", written(9)}, {"VARBINARY(300)", written(300)}, {"BLOB", written(300)}, {"LONGBLOB", written(70_000)},
	{"ENUM('a','b','')", between(0, 3)}, {"SET('x','y','z')", between(0, 7)}, {"JSON", rapid.SampledFrom([]string{`'{"a": [1, null]}'`, `'"x"'`})},
	{"GEOMETRY", rapid.Just("POINT(1, 2)")},
}

func between(low, high int64) *rapid.Generator[string] { return spelled(rapid.Int64Range(low, high)) }

func spelled[V any](g *rapid.Generator[V]) *rapid.Generator[string] {
	return rapid.Map(g, func(v V) string { return fmt.Sprint(v) })
}

// quotedBy draws the numbers of the format from zero up to their limits; a third are zero, or each of them.
func quotedBy(format string, limits ...int) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		parts := make([]any, len(limits))
		zero := rapid.IntRange(0, len(limits)).Draw(t, "zero from")
		for i, limit := range limits {
			parts[i] = 0
			if i < zero {
				parts[i] = rapid.IntRange(0, limit).Draw(t, "part")
			}
		}
		return "'" + fmt.Sprintf(format, parts...) + "'"
	})
}

// written draws text of up to so many bytes, mostly few.
func written(limit int) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		size := rapid.OneOf(rapid.IntRange(0, min(limit, 260)), rapid.SampledFrom([]int{0, 250, 251, 65535, 65536, 262_140, 262_143, limit})).Draw(t, "size")
		return fmt.Sprintf("REPEAT('%s', %d)", rapid.SampledFrom([]string{"a", "'' ", "0", `\\`}).Draw(t, "letter"), min(size, limit))
	})
}

// readBy reads the statement's rows, each value quoted, NULL as none.
func readBy(t testing.TB, s *Snapshot, c clause) (rows [][]string) {
	t.Helper()
	err := stream(context.Background(), s.conn, c, func(cells []value.Cell) error {
		row := []string{}
		for _, cell := range cells {
			text := "NULL"
			if cell != nil {
				text = fmt.Sprintf("%q", []byte(cell))
			}
			row = append(row, text)
		}
		rows = append(rows, row)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// wireOf returns how the snapshot's connection streams, nil by the driver.
func wireOf(t testing.TB, s *Snapshot) (w *wire) {
	t.Helper()
	if err := s.conn.Raw(func(raw any) error { w = raw.(*keeper).wire; return nil }); err != nil {
		t.Fatal(err)
	}
	return w
}

func TestTheWireReadsWhatTheDriverReads(t *testing.T) {
	columns, names := "", []string{"id", "NULL", "id * 3 - 4", "-1.5e0 * id", "c4 / 7", "COALESCE(c9, 18446744073709551615)"}
	for i, every := range drawnTypes {
		columns += fmt.Sprintf(", c%d %s", i, every.declared)
		names = append(names, fmt.Sprintf("c%d", i))
	}
	f := newFixture(t, "CREATE TABLE every (id INT PRIMARY KEY"+columns+")")
	driver := f.compressing(t).snapshotOf(t)
	if wireOf(t, driver) != nil {
		t.Fatal("a compressed connection is read by the wire")
	}
	wires := map[string]*Snapshot{}
	for name, less := range map[string]capabilities{
		"as this server speaks":          {},
		"with EOF packets":               {agreed: endsWithOK},
		"with columns told each time":    {extended: keptMetadata},
		"with EOF packets, columns told": {agreed: endsWithOK, extended: keptMetadata},
	} {
		config := f.config.Clone()
		config.Addr = less.before(t, f.config.Addr)
		db, err := Open(t.Context(), config)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		wires[name] = db.snapshotOf(t)
		if w := wireOf(t, wires[name]); w == nil || w.endsWithOK != (less.agreed == 0) || less.extended != 0 && w.keptMetadata {
			t.Fatalf("%s: the wire is %+v", name, w)
		}
	}
	rapid.Check(t, func(r *rapid.T) {
		statement := "SELECT " + strings.Join(names, ", ") + " FROM every ORDER BY id"
		rows := rapid.IntRange(0, 4).Draw(r, "rows")
		f.exec(t, "DELETE FROM every")
		for id := range rows {
			values := []string{fmt.Sprint(id)}
			for _, every := range drawnTypes {
				values = append(values, rapid.OneOf(every.value, every.value, rapid.Just("NULL")).Draw(r, every.declared))
			}
			f.exec(t, "INSERT IGNORE INTO every VALUES ("+strings.Join(values, ", ")+")")
		}
		again(t, driver)
		want := readBy(t, driver, clause{sql: statement})
		for name, s := range wires {
			again(t, s)
			if diff := cmp.Diff(want, readBy(t, s, clause{sql: statement})); diff != "" || len(want) != rows {
				r.Fatalf("%s: %d rows of %d (-driver +wire)\n%s", name, len(want), rows, diff)
			}
		}
	})
}

// again has the snapshot be one of this moment.
func again(t testing.TB, s *Snapshot) {
	t.Helper()
	for _, statement := range []string{`ROLLBACK`, `START TRANSACTION WITH CONSISTENT SNAPSHOT`} {
		if _, err := s.conn.ExecContext(context.Background(), statement); err != nil {
			t.Fatal(err)
		}
	}
}

func (db *DB) snapshotOf(t testing.TB) *Snapshot {
	t.Helper()
	s, err := db.Snapshot(context.Background(), Reading{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestParametersArriveByTheWireAsByTheDriver(t *testing.T) {
	f := newFixture(t)
	wired, driver := f.snapshotOf(t), f.compressing(t).snapshotOf(t)
	for name, args := range map[string][]any{
		"numbers of 64 bits":         {int64(-1 << 63), uint64(1<<64 - 1), int64(7), uint64(0)},
		"texts and bytes":            {"", "é'\\", []byte{0, 255}, []byte{}},
		"as long as lengths change":  {strings.Repeat("a", 250), strings.Repeat("b", 251), strings.Repeat("c", 65535), strings.Repeat("d", 65536)},
		"more than the wire carries": {strings.Repeat("e", ownBytes), int64(1), []byte("b"), uint64(2)},
	} {
		t.Run(name, func(t *testing.T) {
			c := clause{sql: "SELECT ?, ?, ?, ?, 'more'", args: args}
			if carries := wireOf(t, wired).carries(c); carries != (name != "more than the wire carries") {
				t.Errorf("the wire carries them: %v", carries)
			}
			if diff := cmp.Diff(readBy(t, driver, c), readBy(t, wired, c)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRowsOfManyPackets(t *testing.T) {
	f := newFixture(t)
	wired, driver := f.snapshotOf(t), f.compressing(t).snapshotOf(t)
	for _, size := range []int{bufferBytes - 40, bufferBytes, 1<<24 - 11, 1<<24 - 10, 2<<24 + 5} {
		t.Run(fmt.Sprintf("a value of %d bytes", size), func(t *testing.T) {
			c := clause{sql: fmt.Sprintf("SELECT 1 AS n, REPEAT('x', %d) UNION ALL SELECT 2, 'y' ORDER BY n", size)}
			var got [2][]int
			for i, s := range []*Snapshot{wired, driver} {
				err := stream(t.Context(), s.conn, c, func(cells []value.Cell) error {
					got[i] = append(got[i], len(cells[1]), bytes.Count(cells[1], []byte("x")))
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
			}
			if want := []int{size, size, 1, 0}; !slices.Equal(got[0], want) || !slices.Equal(got[1], want) {
				t.Errorf("got %v, by the driver %v", got[0], got[1])
			}
		})
	}
}

// capabilities are such as a server, or a proxy before one, may lack.
type capabilities struct{ agreed, extended uint32 }

// before returns the address of a way to the server whose greeting lacks them.
func (c capabilities) before(t *testing.T, server string) string {
	t.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	t.Cleanup(serving.Wait)
	t.Cleanup(func() { _ = listener.Close() })
	serving.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { c.serve(client, server) })
		}
	})
	return listener.Addr().String()
}

func (c capabilities) serve(client net.Conn, server string) {
	defer client.Close()
	up, err := net.Dial("tcp", server)
	if err != nil {
		return
	}
	defer up.Close()
	header := make([]byte, headerBytes)
	if _, err := io.ReadFull(up, header); err != nil {
		return
	}
	greeting := make([]byte, binary.LittleEndian.Uint32(header)&fullPacket)
	if _, err := io.ReadFull(up, greeting); err != nil {
		return
	}
	at := 1 + bytes.IndexByte(greeting[1:], 0) + 1 + 4 + 8 + 1 // behind version, identifier and scramble
	clearBits(greeting[at:], c.agreed&0xffff)
	clearBits(greeting[at+2+1+2:], c.agreed>>16)
	clearBits(greeting[at+2+1+2+2+1+6:], c.extended)
	if _, err := client.Write(append(header, greeting...)); err != nil {
		return
	}
	var down sync.WaitGroup
	down.Go(func() {
		_, _ = io.Copy(client, up)
		_ = client.Close()
	})
	_, _ = io.Copy(up, client)
	_ = up.Close()
	down.Wait()
}

func clearBits(at []byte, bits uint32) {
	for i := range 4 {
		at[i] &^= byte(bits >> (8 * i))
	}
}
