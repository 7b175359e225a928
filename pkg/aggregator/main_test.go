package aggregator

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"rehome/pkg/checksum"
	"rehome/pkg/keyspace"
	"rehome/pkg/ledger"
	"rehome/pkg/plan"
	"rehome/pkg/queue"
	"rehome/pkg/report"
	"rehome/pkg/sandbox"
	"rehome/pkg/shard"
)

func TestMain(m *testing.M) { sandbox.Main(m) }

// bench is a ledger with a migration of two waves: shards 0 and 1 of the first wave, of two users each, and 2, the tail.
type bench struct {
	t *testing.T
	*ledger.Ledger
	conn   *pgx.Conn
	run    string
	holder uuid.UUID
}

func newBench(t *testing.T) *bench {
	t.Helper()
	dsn := sandbox.Postgres(t)
	pool, err := pgxpool.New(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	if err := ledger.Install(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, Ledger: ledger.Open(pool), conn: conn, holder: uuid.New()}
	m, err := b.Create(t.Context(), small())
	if err != nil {
		t.Fatal(err)
	}
	b.run = m.Run
	b.must(b.SetState(t.Context(), "community", ledger.Loading))
	b.must(b.Beat(t.Context(), ledger.Worker{Holder: b.holder, Migration: "community", Host: "here", Program: "test", Slots: 1}))
	return b
}

func (b *bench) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func small() ledger.Plan {
	record, err := json.Marshal(plan.Record{
		Users: 4, Waves: []plan.Wave{{Name: "all", Users: 4}, {Name: "none"}}, Entries: []plan.Entry{{Into: "app.users", From: "users", Rows: 4}},
	})
	if err != nil {
		panic(err)
	}
	two, four := keyspace.Key{"2"}, keyspace.Key{"4"}
	ranges := keyspace.Chain([]keyspace.Key{two, four})
	shards := []shard.Shard{
		{ID: shard.ID{Ordinal: 0}, Kind: shard.OfUsers, Entry: -1, Range: ranges[0], Cells: [2]int{0, 1}, Users: 2, Weight: 10, Parent: -1},
		{ID: shard.ID{Ordinal: 1}, Kind: shard.OfUsers, Entry: -1, Range: ranges[1], Cells: [2]int{1, 2}, Users: 2, Weight: 10, Parent: -1},
		{ID: shard.ID{Ordinal: 2}, Kind: shard.Late, Wave: 2, Entry: -1, Range: ranges[2], Cells: [2]int{2, 3}, Parent: -1},
	}
	return ledger.Plan{
		Migration: ledger.Migration{Name: "community", Mapping: "hash", Fingerprint: "print", Legacy: "old", Target: "new", Plan: record},
		Canonical: []byte("canonical"), Shards: shards,
		Cells: func(yield func(ledger.Cell, error) bool) {
			for i, r := range ranges {
				cell := ledger.Cell{Range: r}
				for n := 2*i + 1; n <= 2*i+2 && n <= 4; n++ {
					cell.Hashes = append(cell.Hashes, checksum.Key(fmt.Append(nil, n)))
				}
				if !yield(cell, nil) {
					return
				}
			}
		},
	}
}

// move migrates the users in the shard, and returns its receipt as the worker publishes it.
func (b *bench) move(ordinal int, users ...string) shard.Receipt {
	b.t.Helper()
	ctx := b.t.Context()
	claim, err := b.Claim(ctx, b.conn, shard.ID{Migration: "community", Run: b.run, Ordinal: ordinal}, ledger.Claimant{Holder: b.holder})
	b.must(err)
	book, err := b.Begin(ctx, b.conn, claim)
	b.must(err)
	var o shard.Outcome
	var block shard.Block
	table := shard.Table{Source: int64(len(users)), Read: int64(len(users)), Written: int64(len(users))}
	for i, user := range users {
		key := keyspace.Key{user}
		digest := checksum.Row("app.users", []byte(user))
		o.Units = append(o.Units, key)
		block.Rows = append(block.Rows, shard.Arrived{Unit: int32(i), TargetKey: []byte(user), LegacyKey: key.Marshal(), Digest: digest})
		table.Expected, table.Stored = table.Expected.Add(digest), table.Stored.Add(digest)
	}
	o.Receipt.Tables = []shard.Table{table}
	o.Receipt.Users = shard.Users{Read: table.Read, Migrated: table.Written}
	b.must(book.Block(ctx, block))
	b.must(book.Close(ctx, o))
	b.must(book.Commit(ctx))
	return *book.Receipt()
}

// end stores what the end of a load finds out.
func (b *bench) end() {
	b.t.Helper()
	closing, err := json.Marshal(report.Closing{Consistency: "frozen", Rows: []int64{4}, Finished: time.Now().UTC()})
	b.must(err)
	b.must(b.SetClosing(b.t.Context(), "community", closing, "", "frozen"))
}

// broker is a queue in which the migration is declared.
func (b *bench) broker() *queue.Conn {
	b.t.Helper()
	server, err := queue.Embed(b.t.Context(), b.t.TempDir())
	b.must(err)
	b.t.Cleanup(server.Close)
	conn, err := queue.Connect(b.t.Context(), queue.Options{URL: server.URL(), Token: server.Token(), Name: "test"})
	b.must(err)
	b.t.Cleanup(conn.Close)
	b.must(conn.Declare(b.t.Context(), "community"))
	return conn
}
