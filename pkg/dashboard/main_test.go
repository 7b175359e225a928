package dashboard

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"rehome/pkg/aggregator"
	"rehome/pkg/checksum"
	"rehome/pkg/keyspace"
	"rehome/pkg/ledger"
	"rehome/pkg/plan"
	"rehome/pkg/producer"
	"rehome/pkg/sandbox"
	"rehome/pkg/shard"
)

func TestMain(m *testing.M) { sandbox.Main(m) }

const token = "0123456789abcdef0123456789abcdef"

// local is how a dashboard is reached on one machine.
func local() Access { return Access{Loopback: true, Token: token} }

// A site is a dashboard over a ledger with a migration of two waves: shards 0, 1 and 2 of four users, and one behind the waves.
type site struct {
	*testing.T
	*ledger.Ledger
	board  *Dashboard
	server *httptest.Server
	pool   *pgxpool.Pool
	conn   *pgx.Conn
	run    string
	holder uuid.UUID
	log    *lines
	stop   func() // ends Run
}

// newSite starts it all; change may make another Config of it.
func newSite(t *testing.T, change func(*Config)) *site {
	t.Helper()
	s := newLedger(t, small())
	config := s.config()
	if change != nil {
		change(&config)
	}
	s.serve(config)
	return s
}

// config is that of a dashboard on this machine, without a legacy database.
func (s *site) config() Config {
	return Config{
		Ledger: s.Ledger, Version: "1.0.0", Log: slog.New(slog.NewJSONHandler(s.log, nil)), Access: local(), TraceURL: "http://jaeger.example/trace/{trace_id}",
		Letters: func(migration, by string) Letters {
			return &producer.DeadLetters{Migration: migration, Pool: s.pool, Log: slog.New(slog.DiscardHandler), Version: "1.0.0", By: by}
		},
		Explain: func(ctx context.Context, migration, user string) (*aggregator.Explanation, error) {
			return aggregator.Explain(ctx, s.Ledger, nil, migration, user)
		},
	}
}

// newLedger plans a migration.
func newLedger(t *testing.T, p ledger.Plan) *site {
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
	s := &site{T: t, Ledger: ledger.Open(pool), pool: pool, conn: conn, holder: uuid.New(), log: &lines{}}
	s.must(ledger.Install(t.Context(), conn))
	m, err := s.Create(t.Context(), p)
	s.must(err)
	s.run = m.Run
	s.must(s.SetState(t.Context(), "shop", ledger.Loading))
	s.beat()
	return s
}

// serve serves a dashboard of the ledger until the test ends.
func (s *site) serve(config Config) {
	s.Helper()
	var err error
	s.board, err = New(config)
	s.must(err)
	s.board.Follow("shop")
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.board.Run(ctx) }()
	s.stop = sync.OnceFunc(func() {
		stop()
		s.must(<-ended)
	})
	s.server = httptest.NewServer(s.board.Handler())
	s.Cleanup(func() {
		s.stop()
		s.server.Close()
	})
}

func (s *site) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *site) beat() {
	s.Helper()
	s.must(s.Beat(s.Context(), ledger.Worker{Holder: s.holder, Migration: "shop", Host: "here", Program: "worker v1", Slots: 2, Busy: 1}))
}

func (s *site) exec(sql string, args ...any) {
	s.Helper()
	_, err := s.pool.Exec(s.Context(), sql, args...)
	s.must(err)
}

// small is a plan of four users in two waves.
func small() ledger.Plan { return planOf(2) }

// planOf is a plan of so many shards of two users, half of them in each wave, and one behind the waves.
func planOf(shards int) ledger.Plan {
	record, err := json.Marshal(plan.Record{
		Users: int64(2 * shards), Waves: []plan.Wave{{Name: "casual", Users: int64(shards)}, {Name: "all", Users: int64(shards)}},
		Entries: []plan.Entry{{Into: "app.users", From: "users", Rows: int64(2 * shards)}},
	})
	if err != nil {
		panic(err)
	}
	var bounds []keyspace.Key
	for i := 1; i <= shards; i++ {
		bounds = append(bounds, keyspace.Key{fmt.Sprintf("%09d", 2*i)})
	}
	ranges := keyspace.Chain(bounds)
	p := ledger.Plan{
		Migration: ledger.Migration{Name: "shop", Mapping: "hash", Fingerprint: "print", Legacy: "old", Target: "new", Plan: record}, Canonical: []byte("canonical"),
		Cells: func(yield func(ledger.Cell, error) bool) {
			for i, r := range ranges {
				cell := ledger.Cell{Range: r}
				if i < shards {
					for n := 2*i + 1; n <= 2*i+2; n++ {
						cell.Hashes = append(cell.Hashes, checksum.Key(fmt.Appendf(nil, "%09d", n)))
					}
				}
				if !yield(cell, nil) {
					return
				}
			}
		},
	}
	for i := range shards {
		p.Shards = append(p.Shards, shard.Shard{ID: shard.ID{Ordinal: i}, Kind: shard.OfUsers, Wave: 2 * i / shards, Entry: -1, Range: ranges[i],
			Cells: [2]int{i, i + 1}, Users: 2, Weight: 10, Parent: -1})
	}
	p.Shards = append(p.Shards, shard.Shard{ID: shard.ID{Ordinal: shards}, Kind: shard.Late, Wave: 2, Entry: -1, Range: ranges[shards],
		Cells: [2]int{shards, shards + 1}, Parent: -1})
	return p
}

func (s *site) claim(ordinal, generation int) ledger.Claim {
	s.Helper()
	claim, err := s.Claim(s.Context(), s.conn, shard.ID{Migration: "shop", Run: s.run, Ordinal: ordinal, Generation: generation}, ledger.Claimant{Holder: s.holder})
	s.must(err)
	if claim.Answer != ledger.Claimed {
		s.Fatalf("the claim of shard %d is answered with %s", ordinal, claim.Answer)
	}
	return claim
}

// move migrates the users in the shard.
func (s *site) move(ordinal, generation int, users ...string) {
	s.Helper()
	ctx := s.Context()
	book, err := s.Begin(ctx, s.conn, s.claim(ordinal, generation))
	s.must(err)
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
	s.must(book.Block(ctx, block))
	s.must(book.Close(ctx, o))
	s.must(book.Commit(ctx))
}

// kill has a shard die at its first attempt.
func (s *site) kill(ordinal, generation int) {
	s.Helper()
	_, err := s.Failed(s.Context(), s.claim(ordinal, generation), ledger.Failure{
		Kind: shard.Data, Cause: "altered:app.users.name", Error: "read back: a row is another", TraceID: "4bf92f3577b34da6a3ce929d0e0e4736", Limit: 1,
		Tried: shard.Circumstances{Mapping: "hash", Rehome: "1.0.0"},
	})
	s.must(err)
}

// An answered is what came back.
type answered struct {
	status int
	header http.Header
	body   string
}

// ask sends a request; headers are pairs of name and value, and those of Host, Cookie and Authorization mean what they say.
func (s *site) ask(method, path, body string, headers ...string) answered {
	s.Helper()
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	ctx, cancel := context.WithTimeout(s.Context(), 20*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, s.server.URL+path, reader)
	s.must(err)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
			continue
		}
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := s.server.Client().Do(r)
	s.must(err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	s.must(err)
	return answered{response.StatusCode, response.Header, string(text)}
}

// bearer is the header of who knows the token.
func bearer() []string { return []string{"Authorization", "Bearer " + token} }

// get asks for JSON and reads it.
func get[T any](s *site, path string) (out T) {
	s.Helper()
	a := s.ask("GET", path, "", bearer()...)
	if a.status != http.StatusOK {
		s.Fatalf("GET %s: %d %s", path, a.status, a.body)
	}
	s.must(json.Unmarshal([]byte(a.body), &out))
	return out
}

// eventually waits until it is so.
func (s *site) eventually(what string, is func() bool) {
	s.Helper()
	deadline := time.After(20 * time.Second)
	for !is() {
		select {
		case <-deadline:
			s.Fatalf("not in time: %s", what)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
