package ledger

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"rehome/pkg/keyspace"
	"rehome/pkg/shard"
)

func TestCensus(t *testing.T) {
	b := newBench(t)
	m := b.plan("m")
	conn := b.connect()
	census := func() Census {
		t.Helper()
		c, err := b.Census(t.Context(), "m")
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	want := func(t *testing.T, want Census) {
		t.Helper()
		if diff := cmp.Diff(want, census()); diff != "" {
			t.Fatal(diff)
		}
	}
	t.Run("before the first shard all are pending", func(t *testing.T) { want(t, Census{Planned: 4, Pending: 4}) })
	t.Run("a user who is quarantined was tried, one of another wave is pending", func(t *testing.T) {
		b.move(conn, id(m, 0), []string{"1", "17"}, "1")
		want(t, Census{Planned: 4, Tried: 2, Appeared: 1, Pending: 3})
	})
	t.Run("who was planned and is in no shard that could have read them has vanished", func(t *testing.T) {
		b.move(conn, id(m, 2), []string{"4"})
		want(t, Census{Planned: 4, Tried: 3, Appeared: 1, Pending: 1, Vanished: 1})
		b.move(conn, id(m, 1), nil)
		want(t, Census{Planned: 4, Tried: 3, Appeared: 1, Vanished: 2})
	})
	t.Run("settling changes nobody's count", func(t *testing.T) {
		b.inTestTx(func(tx pgx.Tx) error {
			_, err := b.WriteSettle(t.Context(), tx, "m", Settlement{Undone: b.rowsOf("4"), Quarantined: map[string]string{"4": "unique:a.b", "1": "unique:a.b"}})
			return err
		})
		want(t, Census{Planned: 4, Tried: 3, Appeared: 1, Vanished: 2})
	})
}

func TestFacts(t *testing.T) {
	b := newBench(t)
	m := b.plan("m")
	conn := b.connect()
	email := strings.Repeat("a", 3) + "@example.com"
	users := []string{"11", email, "2290c634-b71f-5ad5-82dc-8667044d17d8", "14", "15", "16", "17"}
	b.move(conn, id(m, 0), users, users...)
	unowned, err := b.AddShards(t.Context(), "m", []shard.Shard{{Kind: shard.Unowned, Wave: 2, Parent: -1}})
	if err != nil {
		t.Fatal(err)
	}
	book := b.begin(conn, b.claim(conn, unowned[0].ID, Claimed))
	o, _ := outcome(nil)
	o.Units = []keyspace.Key{{"7", "bob"}}
	o.Refusals = []shard.Refusal{{LegacyKey: o.Units[0].Marshal(), Cause: "too_long:app.users.name"}}
	o.Receipt.Causes = []shard.Cause{{Cause: "too_long:app.users.name", Rows: 1}}
	o.Receipt.Rules = []shard.Rule{{Column: "name", Rule: "trim", Rows: 2}}
	o.Receipt.Position = "bin.1:4"
	if err := book.Close(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if err := book.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	facts, err := b.Facts(t.Context(), "m")
	if err != nil {
		t.Fatal(err)
	}
	t.Run("a cause shows five keys, texts only as keyed hashes", func(t *testing.T) {
		want := []Cause{
			{Cause: shard.Cause{Cause: "too_long:app.users.name", Rows: 1}, Samples: []string{"7/" + m.Show([]byte("bob"))}},
			{Cause: shard.Cause{Cause: "values:app.users.kind", Users: 7, Rows: 7}, Samples: []string{"11", "14", "15", "16", "17"}},
		}
		if diff := cmp.Diff(want, facts.Causes); diff != "" {
			t.Fatal(diff)
		}
		shown := m.Show([]byte(email))
		if strings.Contains(shown, "@") || shown == (&Migration{Secret: []byte("another")}).Show([]byte(email)) {
			t.Fatalf("%q gives the key away", shown)
		}
		if uuid := users[2]; m.Show([]byte(uuid)) != uuid {
			t.Fatal("a UUID is hashed")
		}
	})
	t.Run("the rest is there", func(t *testing.T) {
		if diff := cmp.Diff([]shard.Rule{{Column: "name", Rule: "trim", Rows: 2}}, facts.Rules); diff != "" {
			t.Fatal(diff)
		}
		if diff := cmp.Diff([]string{"", "bin.1:4"}, facts.Positions); diff != "" {
			t.Fatal(diff)
		}
		positions, err := b.Positions(t.Context(), "m")
		if diff := cmp.Diff(facts.Positions, positions); err != nil || diff != "" {
			t.Fatal(err, diff)
		}
		if diff := cmp.Diff([]string{"hash"}, facts.Mappings); diff != "" {
			t.Fatal(diff)
		}
		if facts.Last.IsZero() || facts.Migration.Name != "m" || len(facts.Waves) != 3 {
			t.Fatalf("got %+v", facts)
		}
	})
}

func TestProgress(t *testing.T) {
	b := newBench(t)
	m := b.plan("m")
	conn := b.connect()
	b.move(conn, id(m, 0), []string{"1", "2"}, "2")
	b.claim(conn, id(m, 1), Claimed)
	got, err := b.Progress(t.Context(), "m")
	if err != nil {
		t.Fatal(err)
	}
	want := []Wave{
		{Wave: 0, Planned: 1, Working: 1, Done: 1, Users: 4, Rows: 20, Migrated: 1, Quarantined: 1, Written: 1, Moved: 10},
		{Wave: 1, Planned: 1, Users: 2, Rows: 10},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatal(diff)
	}
}

func TestReceipts(t *testing.T) {
	b := newBench(t)
	m := b.plan("m")
	slow, quick := b.connect(), b.connect()
	book := b.begin(slow, b.claim(slow, id(m, 0), Claimed))
	b.move(quick, id(m, 1), []string{"3"})

	receipts, next, err := b.Receipts(t.Context(), "m", 0)
	if err != nil || len(receipts) != 1 || receipts[0].ID != id(m, 1) {
		t.Fatalf("got %v, %v", receipts, err)
	}
	o, _ := outcome([]string{"1"})
	if err := book.Close(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if err := book.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Run("a transaction that began before the last call and committed after it is not missed", func(t *testing.T) {
		receipts, next, err = b.Receipts(t.Context(), "m", next)
		if err != nil || len(receipts) == 0 || receipts[0].ID != id(m, 0) {
			t.Fatalf("got %v, %v", receipts, err)
		}
	})
	t.Run("the death of a shard is told too, and in the end nothing is left to tell", func(t *testing.T) {
		if _, err := b.Failed(t.Context(), b.claim(quick, id(m, 2), Claimed), Failure{Kind: shard.Data, Limit: 1}); err != nil {
			t.Fatal(err)
		}
		dead := false
		// A transaction of the server's own may keep a receipt in sight for a while.
		for receipts = make([]shard.Receipt, 1); len(receipts) > 0; {
			if receipts, next, err = b.Receipts(t.Context(), "m", next); err != nil {
				t.Fatal(err)
			}
			for _, r := range receipts {
				dead = dead || r.State == shard.Dead && r.ID == id(m, 2)
			}
		}
		if !dead {
			t.Fatal("the death was not told")
		}
	})
}

func TestParts(t *testing.T) {
	b := newBench(t)
	b.plan("m")
	parts := []Part{
		{Ordinal: 0, Table: "app.posts", Name: "posts_fk", Kind: "foreign_key", Definition: "FOREIGN KEY …", Detail: []byte(`{"a": 1}`), State: Off},
		{Ordinal: 1, Table: "app.posts", Name: "posts_i", Kind: "index", Definition: "CREATE INDEX …", State: On},
	}
	b.inTestTx(func(tx pgx.Tx) error { return b.SaveParts(t.Context(), tx, "m", parts) })
	b.inTestTx(func(tx pgx.Tx) error { return b.SetPart(t.Context(), tx, "m", 0, Violated, 4) })
	got, err := b.Parts(t.Context(), "m")
	if err != nil {
		t.Fatal(err)
	}
	parts[0].State, parts[0].Violations, parts[1].Detail = Violated, 4, []byte(`{}`)
	if diff := cmp.Diff(parts, got); diff != "" {
		t.Fatal(diff)
	}
	err = b.inTx(t.Context(), func(tx pgx.Tx) error { return b.SetPart(t.Context(), tx, "m", 9, On, 0) })
	if !errors.Is(err, ErrNotFound) {
		t.Fatalf("got %v, want ErrNotFound", err)
	}
}
