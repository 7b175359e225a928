package ledger

import (
	"context"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"rehome/pkg/checksum"
	"rehome/pkg/keyspace"
	"rehome/pkg/sandbox"
	"rehome/pkg/shard"
)

func TestMain(m *testing.M) { sandbox.Main(m) }

// bench is a ledger in a database of its own, and what a test does with it.
type bench struct {
	t testing.TB
	*Ledger
	dsn    string
	holder uuid.UUID
}

func newBench(t testing.TB) *bench {
	t.Helper()
	b := &bench{t: t, dsn: sandbox.Postgres(t), holder: uuid.New()}
	pool, err := pgxpool.New(t.Context(), b.dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	if err := Install(t.Context(), b.connect()); err != nil {
		t.Fatal(err)
	}
	b.Ledger = Open(pool)
	return b
}

// connect returns a session that ends with the test.
func (b *bench) connect() *pgx.Conn {
	b.t.Helper()
	return connect(b.t, b.dsn)
}

func connect(t testing.TB, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func (b *bench) exec(sql string, args ...any) {
	b.t.Helper()
	if _, err := b.pool.Exec(b.t.Context(), sql, args...); err != nil {
		b.t.Fatalf("%s: %v", sql, err)
	}
}

func query[T any](b *bench, sql string, args ...any) T {
	b.t.Helper()
	var v T
	if err := b.pool.QueryRow(b.t.Context(), sql, args...).Scan(&v); err != nil {
		b.t.Fatalf("%s: %v", sql, err)
	}
	return v
}

func keys(texts ...string) []keyspace.Key {
	out := make([]keyspace.Key, len(texts))
	for i, text := range texts {
		out[i] = keyspace.Key{text}
	}
	return out
}

func cellsOf(cells ...Cell) func(yield func(Cell, error) bool) {
	return func(yield func(Cell, error) bool) {
		for _, cell := range cells {
			if !yield(cell, nil) {
				return
			}
		}
	}
}

func cell(after, through keyspace.Key, users ...string) Cell {
	c := Cell{Range: keyspace.Range{After: after, Through: through}}
	for _, user := range users {
		c.Hashes = append(c.Hashes, checksum.Key([]byte(user)))
	}
	return c
}

// plan commits two waves over two cells, whose users are 1 and 2, and 3 and 4: shards 0 and 1 are of wave 0, 2 of wave 1 over both cells.
func (b *bench) plan(name string) *Migration {
	b.t.Helper()
	m, err := b.Create(b.t.Context(), smallPlan(name))
	if err != nil {
		b.t.Fatal(err)
	}
	return m
}

func smallPlan(name string) Plan {
	mid := keyspace.Key{"2"}
	users := func(ordinal, wave int, r keyspace.Range, cells [2]int) shard.Shard {
		return shard.Shard{
			ID: shard.ID{Ordinal: ordinal}, Kind: shard.OfUsers, Wave: wave, Entry: -1, Range: r, Cells: cells, Users: 2, Weight: 10, Parent: -1,
		}
	}
	return Plan{
		Migration: Migration{Name: name, Mapping: "hash", Fingerprint: "print", Legacy: "old", Target: "new", PositionPlanned: "bin.1:4"},
		Canonical: []byte("canonical"),
		Cells:     cellsOf(cell(nil, mid, "1", "2"), cell(mid, nil, "3", "4")),
		Shards: []shard.Shard{
			users(0, 0, keyspace.Range{Through: mid}, [2]int{0, 1}),
			users(1, 0, keyspace.Range{After: mid}, [2]int{1, 2}),
			users(2, 1, keyspace.Range{}, [2]int{0, 2}),
		},
	}
}

func (b *bench) beat() {
	b.t.Helper()
	if err := b.Beat(b.t.Context(), Worker{Holder: b.holder, Migration: "m", Host: "here", Program: "test", Slots: 1}); err != nil {
		b.t.Fatal(err)
	}
}

// claim claims and fails the test unless the answer is the wanted one.
func (b *bench) claim(conn *pgx.Conn, id shard.ID, want Answer) Claim {
	b.t.Helper()
	claim, err := b.Claim(b.t.Context(), conn, id, Claimant{Holder: b.holder})
	if err != nil {
		b.t.Fatal(err)
	}
	if claim.Answer != want {
		b.t.Fatalf("claim of %s: got %s, want %s", id, claim.Answer, want)
	}
	return claim
}

func (b *bench) begin(conn *pgx.Conn, claim Claim) *Book {
	b.t.Helper()
	book, err := b.Begin(b.t.Context(), conn, claim)
	if err != nil {
		b.t.Fatal(err)
	}
	return book
}

// outcome is what a shard came to that read the users and wrote one row for each who is not quarantined.
func outcome(users []string, quarantined ...string) (shard.Outcome, shard.Block) {
	o := shard.Outcome{Units: keys(users...), Quarantined: map[int32]string{}}
	var block shard.Block
	table := shard.Table{Source: int64(len(users)), Read: int64(len(users))}
	for i, user := range users {
		unit := int32(i)
		if slices.Contains(quarantined, user) {
			o.Quarantined[unit] = "values:app.users.kind"
			o.Refusals = append(o.Refusals, shard.Refusal{Unit: unit, LegacyKey: keyspace.Key{user}.Marshal(), Cause: "values:app.users.kind"})
			table.SetAside++
			continue
		}
		row := arrived(unit, user)
		block.Rows = append(block.Rows, row)
		table.Written++
		table.Expected, table.Stored = table.Expected.Add(row.Digest), table.Stored.Add(row.Digest)
	}
	o.Receipt.Tables = []shard.Table{table}
	o.Receipt.Users = shard.Users{Read: table.Read, Migrated: table.Written, Quarantined: table.SetAside}
	if table.SetAside > 0 {
		o.Receipt.Causes = []shard.Cause{{Cause: "values:app.users.kind", Users: table.SetAside, Rows: table.SetAside}}
	}
	return o, block
}

func arrived(unit int32, user string) shard.Arrived {
	return shard.Arrived{
		Unit: unit, TargetKey: []byte("t" + user), LegacyKey: keyspace.Key{user}.Marshal(), Digest: checksum.Row("app.users", []byte(user)),
	}
}

// move takes a shard all the way to its commit.
func (b *bench) move(conn *pgx.Conn, id shard.ID, users []string, quarantined ...string) shard.Receipt {
	b.t.Helper()
	book := b.begin(conn, b.claim(conn, id, Claimed))
	o, block := outcome(users, quarantined...)
	if err := book.Block(b.t.Context(), block); err != nil {
		b.t.Fatal(err)
	}
	if err := book.Close(b.t.Context(), o); err != nil {
		b.t.Fatal(err)
	}
	if err := book.Commit(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	return *book.Receipt()
}

func id(m *Migration, ordinal int) shard.ID {
	return shard.ID{Migration: m.Name, Run: m.Run, Ordinal: ordinal}
}

func wantKind(t *testing.T, err error, want shard.Failure) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one of kind %s", want)
	}
	if got, _ := shard.KindOf(err); got != want {
		t.Fatalf("error of kind %s, want %s: %v", got, want, err)
	}
}
