package worker

import (
	"context"
	"iter"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"rehome/pkg/ledger"
	"rehome/pkg/sandbox"
	"rehome/pkg/shard"
)

// A heard passes on each line that is logged.
type heard chan string

func (h heard) Write(line []byte) (int, error) {
	h <- string(line)
	return len(line), nil
}

// A lobby is a target database, at first without a ledger.
type lobby struct {
	*testing.T
	dsn  string
	pool *pgxpool.Pool
}

func newLobby(t *testing.T) *lobby {
	t.Helper()
	l := &lobby{T: t, dsn: sandbox.Postgres(t)}
	var err error
	l.pool, err = pgxpool.New(t.Context(), l.dsn)
	l.must(err)
	t.Cleanup(l.pool.Close)
	return l
}

func (l *lobby) must(err error) {
	l.Helper()
	if err != nil {
		l.Fatal(err)
	}
}

// plans has the ledger have the migration.
func (l *lobby) plans(name string) {
	l.Helper()
	conn, err := pgx.Connect(l.Context(), l.dsn)
	l.must(err)
	defer conn.Close(l.Context())
	l.must(ledger.Install(l.Context(), conn))
	cells := iter.Seq2[ledger.Cell, error](func(yield func(ledger.Cell, error) bool) { yield(ledger.Cell{}, nil) })
	_, err = ledger.Open(l.pool).Create(l.Context(), ledger.Plan{Canonical: []byte("{}"), Cells: cells,
		Shards:    []shard.Shard{{Kind: shard.OfUsers, Entry: -1, Parent: -1, Cells: [2]int{0, 1}}},
		Migration: ledger.Migration{Name: name, Mapping: "m", Fingerprint: "f", Plan: []byte("{}")}})
	l.must(err)
}

// present asserts what readiness says; nothing is that the migration is there.
func (l *lobby) present(name, want string) {
	l.Helper()
	got := ""
	if err := Present(l.Context(), l.pool, name); err != nil {
		got = err.Error()
	}
	if got != want {
		l.Errorf("with the name %q it is told %q, want %q", name, got, want)
	}
}

func TestAwait(t *testing.T) {
	t.Parallel()
	const (
		nothing = "the ledger has no migration yet: waiting for producer run"
		other   = "the ledger has no migration nope, it has desk: waiting for producer run of nope; " +
			"if another is meant, start this again with its name in --migration or REHOME_MIGRATION"
		others = "the ledger has no migration nope, it has desk, second: waiting for producer run of nope; " +
			"if another is meant, start this again with its name in --migration or REHOME_MIGRATION"
	)
	l := newLobby(t)
	lines := make(heard, 1000)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var group errgroup.Group
	found := ""
	group.Go(func() (err error) {
		defer close(lines)
		found, err = Await(ctx, l.pool, "nope", 5*time.Millisecond, slog.New(slog.NewTextHandler(lines, nil)))
		return err
	})
	var said []string
	says := func(what string) {
		t.Helper()
		line := <-lines
		said = append(said, line)
		if !strings.Contains(line, what) || !strings.Contains(line, "migration=nope") {
			t.Errorf("it says %q, want %q", line, what)
		}
	}
	says("level=INFO msg=\"" + nothing + " of nope\"")
	l.present("nope", nothing+" of nope")
	l.present("", nothing)
	l.plans("desk")
	says("level=WARN msg=\"" + other + "\"")
	l.present("nope", other)
	l.present("", "")
	l.plans("second")
	says("level=WARN msg=\"" + others + "\"")
	l.present("nope", others)
	l.present("", "")
	l.present("desk", "")
	l.plans("nope")
	l.must(group.Wait())
	for line := range lines {
		said = append(said, line)
	}
	if found != "nope" || len(said) != 3 {
		t.Errorf("found %q, and said %q", found, said)
	}
	if _, err := Await(ctx, l.pool, "", time.Hour, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "desk, nope, second") {
		t.Errorf("with several, and no name: %v", err)
	}
}

func TestReminder(t *testing.T) {
	var r reminder
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var got []string
	for _, at := range []struct {
		after time.Duration
		text  string
	}{
		{0, "a"}, {2 * time.Second, "a"}, {remindEvery - 1, "a"}, {remindEvery, "a"}, {remindEvery + time.Second, "a"}, {remindEvery + 2*time.Second, "b"},
		{remindEvery + 4*time.Second, "b"}, {2*remindEvery + time.Second, "b"}, {2*remindEvery + 2*time.Second, "b"},
	} {
		if r.due(at.text, start.Add(at.after)) {
			got = append(got, at.text+" "+at.after.String())
		}
	}
	if diff := cmp.Diff([]string{"a 0s", "a 10m0s", "b 10m2s", "b 20m2s"}, got); diff != "" {
		t.Error(diff)
	}
}
