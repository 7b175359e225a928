package main_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"rehome/pkg/sandbox"
	"rehome/pkg/sandbox/community"
)

// An estate is a pair of database servers for one siege after the other, with a population that no siege changes.
type estate struct {
	*sandbox.Sandbox
	clock  *sandbox.Clock // nil is the machine's
	legacy string         // DSN of the population
	made   int            // target databases
}

// Estates are those that are free. As many are made as are needed at once.
type estates struct {
	parent *testing.T // for as long as it runs
	mu     sync.Mutex
	free   map[bool][]*estate // by whether they have a clock of their own
}

// take returns an estate for t, which gives it back when it ends.
func (e *estates) take(t *testing.T, clocked bool) *estate {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	var found *estate
	if free := e.free[clocked]; len(free) > 0 {
		found, e.free[clocked] = free[len(free)-1], free[:len(free)-1]
	} else {
		found = newEstate(t, e.parent, clocked)
	}
	t.Cleanup(func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.free[clocked] = append(e.free[clocked], found)
	})
	return found
}

// newEstate starts the servers for the parent's life.
func newEstate(t *testing.T, parent testing.TB, clocked bool) *estate {
	t.Helper()
	e := &estate{}
	opts := sandbox.Options{Fast: true, BufferPool: 48, PostgresArgs: []string{"-c", "synchronous_commit=on"}}
	if clocked {
		var err error
		if e.clock, err = sandbox.NewClock(); err != nil {
			t.Fatal(err)
		}
		parent.Cleanup(func() { closed(parent, e.clock.Close) })
		opts.Clock = e.clock
	}
	var err error
	if e.Sandbox, err = sandbox.Start(t.Context(), opts); err != nil {
		t.Fatal(err)
	}
	parent.Cleanup(func() { closed(parent, e.Close) })
	if err := e.Create(t.Context(), "population", "unused"); err != nil {
		t.Fatal(err)
	}
	e.legacy = e.LegacyDSN("population")
	if _, err := community.Generate(t.Context(), e.legacy, community.Options{Users: crashUsers, Seed: 7}); err != nil {
		t.Fatal(err)
	}
	return e
}

func closed(t testing.TB, end func() error) {
	t.Helper()
	if err := end(); err != nil {
		t.Error(err)
	}
}

// database makes a target database, and drops it when t ends.
func (e *estate) database(t *testing.T) (dsn string) {
	t.Helper()
	e.made++
	name := fmt.Sprintf("target_%d", e.made)
	e.exec(t, t.Context(), "CREATE DATABASE "+name+" TEMPLATE template0")
	t.Cleanup(func() { e.exec(t, context.WithoutCancel(t.Context()), "DROP DATABASE "+name+" WITH (FORCE)") })
	return e.TargetDSN(name)
}

func (e *estate) exec(t *testing.T, ctx context.Context, statement string) {
	t.Helper()
	conn, err := pgx.Connect(ctx, e.TargetDSN("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, statement); err != nil {
		t.Fatal(err)
	}
}
