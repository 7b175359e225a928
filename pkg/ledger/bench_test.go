package ledger

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/google/uuid"

	"rehome/pkg/checksum"
	"rehome/pkg/keyspace"
	"rehome/pkg/shard"
)

// benchRows is what one window of a worker holds.
const benchRows = 20000

// benchBlock is a block of rows with keys as they mostly are: of a UUID, made from an integer.
func benchBlock() shard.Block {
	var block shard.Block
	for i := range benchRows {
		user := fmt.Sprint(1_000_000 + i)
		id := uuid.NewSHA1(uuid.NameSpaceOID, []byte(user))
		block.Rows = append(block.Rows, shard.Arrived{
			Unit: int32(i), TargetKey: append(binary.BigEndian.AppendUint32(nil, 16), id[:]...), LegacyKey: keyspace.Key{user}.Marshal(),
			Digest: checksum.Row("app.users", id[:]),
		})
	}
	return block
}

// claimed begins the book of the shard 0 of a new migration.
func (b *bench) claimed() *Book {
	b.t.Helper()
	m := b.plan("m")
	b.beat()
	conn := b.connect()
	return b.begin(conn, b.claim(conn, id(m, 0), Claimed))
}

// BenchmarkBlocks lists the rows of one window in the manifest.
func BenchmarkBlocks(b *testing.B) {
	book, block := newBench(b).claimed(), benchBlock()
	defer func() { _ = book.Rollback(b.Context()) }()
	b.ReportAllocs()
	for b.Loop() {
		if err := book.Block(b.Context(), block); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchRows, "ns/row")
}

// BenchmarkManifest spells the rows of one window, without a database.
func BenchmarkManifest(b *testing.B) {
	block := []shard.Block{benchBlock()}
	room := make([]byte, 64<<10)
	b.ReportAllocs()
	for b.Loop() {
		m := newManifest(shard.ID{Migration: "m"}, 0, block)
		for {
			if _, err := m.Read(room); err != nil {
				break
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchRows, "ns/row")
}

// BenchmarkClose closes a shard of as many users, and gives it up.
func BenchmarkClose(b *testing.B) {
	book := newBench(b).claimed()
	defer func() { _ = book.Rollback(b.Context()) }()
	var o shard.Outcome
	for i := range benchRows {
		o.Units = append(o.Units, keyspace.Key{fmt.Sprint(1_000_000 + i)})
	}
	exec := func(sql string) {
		if _, err := book.Tx().Exec(b.Context(), sql); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		exec(`SAVEPOINT closing`)
		if err := book.Close(b.Context(), o); err != nil {
			b.Fatal(err)
		}
		exec(`ROLLBACK TO SAVEPOINT closing`)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchRows, "ns/user")
}

// BenchmarkHeld asks whom of as many users the ledger holds.
func BenchmarkHeld(b *testing.B) {
	book := newBench(b).claimed()
	defer func() { _ = book.Rollback(b.Context()) }()
	var users []keyspace.Key
	for i := range benchRows {
		users = append(users, keyspace.Key{fmt.Sprint(1_000_000 + i)})
	}
	b.ReportAllocs()
	for b.Loop() {
		if held, err := book.Held(b.Context(), &book.claim.Shard, users); err != nil || len(held) > 0 {
			b.Fatal(held, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchRows, "ns/user")
}
