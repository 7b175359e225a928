package dashboard

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgxpool"

	"rehome/pkg/aggregator"
	"rehome/pkg/ledger"
	"rehome/pkg/producer"
)

// act sends a request of who knows the token, and reads the answer.
func act[T any](s *site, path, body string) (out T) {
	s.Helper()
	a := s.ask("POST", path, body, bearer()...)
	if a.status != 200 {
		s.Fatalf("%s: %d %s", path, a.status, a.body)
	}
	s.must(json.Unmarshal([]byte(a.body), &out))
	return out
}

// refused sends a request that has to fail so, and returns what is told.
func (s *site) refused(status int, path, body string) string {
	s.Helper()
	a := s.ask("POST", path, body, bearer()...)
	var told struct{ Error string }
	if err := json.Unmarshal([]byte(a.body), &told); a.status != status || err != nil || told.Error == "" {
		s.Errorf("%s: %d %s, want %d", path, a.status, a.body, status)
	}
	return told.Error
}

func TestRepublish(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.kill(0, 0)
	s.kill(1, 0)
	t.Run("one of the three ways has to be said", func(t *testing.T) {
		for _, body := range []string{`{}`, `{"ids":["0.0"],"all":true}`, `{"cause":"x","all":true,"force":true}`, `{"force":true}`} {
			s.refused(400, "/api/v1/dead/republish", body)
		}
	})
	t.Run("what has changed cannot be asked without the legacy database", func(t *testing.T) {
		if told := s.refused(501, "/api/v1/dead/republish", `{"all":true}`); !strings.Contains(told, "producer dead republish") || !strings.Contains(told, "LEGACY_DSN") {
			t.Error(told)
		}
	})
	t.Run("an ID that is none is told as that", func(t *testing.T) {
		s.refused(404, "/api/v1/dead/republish", `{"ids":["x"],"force":true}`)
		s.refused(404, "/api/v1/dead/republish", `{"ids":["0.0","17.0"],"force":true}`)
	})
	t.Run("it is done once, noted, and in the ledger with who wanted it", func(t *testing.T) {
		for _, want := range []string{producer.Republished, producer.OnItsWay} {
			got := act[producer.Republication](s, "/api/v1/dead/republish", `{"ids":["0.0"],"force":true}`)
			if len(got.Shards) != 1 || got.Shards[0].Result != want {
				t.Errorf("got %+v, want %s", got, want)
			}
		}
		shown := get[Shard](s, "/api/v1/shards/0")
		last := shown.Events[len(shown.Events)-1]
		if shown.ID != "0.1" || shown.State != "planned" || last.What != "republished" || last.Detail["by"] != "dashboard, signed in from 127.0.0.1" {
			t.Errorf("the shard is %s, %s: %+v", shown.ID, shown.State, last)
		}
		if log := s.log.String(); !strings.Contains(log, `"action":"republish","from":"127.0.0.1","shard":"0.0","result":"republished"`) {
			t.Errorf("the log: %s", log)
		}
	})
	t.Run("a cause stands for all that have died of it", func(t *testing.T) {
		got := act[producer.Republication](s, "/api/v1/dead/republish", `{"cause":"altered:app.users.name","force":true}`)
		if len(got.Shards) != 1 || got.Shards[0].ID != "1.0" {
			t.Errorf("got %+v", got)
		}
	})
}

// someLetters are dead letters whose legacy database can be asked, and which note what they were asked for.
type someLetters struct {
	Letters
	by    string
	asked *[]string
}

// Show knows one.
func (l *someLetters) Show(_ context.Context, id string) (*producer.DeadShow, error) {
	if id != "1.0" {
		return nil, &producer.IDError{ID: id, Problem: "is not dead"}
	}
	return &producer.DeadShow{
		ID: id, Now: producer.DeadNow{Users: 2, FirstUser: "ann@x.org", LastUser: "bob@x.org"},
		Events: []ledger.Event{{What: "dead", Detail: json.RawMessage(`{"cause":"values:app.users.kind","key":"ann@x.org"}`)}},
	}, nil
}

// Discard does it to one, refuses one, and cannot ask about the others.
func (l *someLetters) Discard(_ context.Context, id, reason string) (*producer.DiscardedShard, error) {
	*l.asked = append(*l.asked, id+" "+reason+" "+l.by)
	switch id {
	case "1.0":
		return &producer.DiscardedShard{ID: "1.1", Users: 2}, nil
	case "2.0":
		return nil, fmt.Errorf("discard: %w", &producer.IDError{ID: id, Problem: "is not dead"})
	}
	return nil, errors.New("connect to MySQL: nobody is there")
}

func TestWithLegacy(t *testing.T) {
	t.Parallel()
	var asked []string
	s := newSite(t, func(c *Config) {
		inner := c.Letters
		c.Legacy = true
		c.Letters = func(migration, by string) Letters { return &someLetters{inner(migration, by), by, &asked} }
	})
	t.Run("a dead letter is shown without a key", func(t *testing.T) {
		a := s.ask("GET", "/api/v1/dead/1.0", "", bearer()...)
		if a.status != 200 || strings.Contains(a.body, "x.org") || !strings.Contains(a.body, "values:app.users.kind") || !strings.Contains(a.body, `"users":2`) {
			t.Errorf("%d %s", a.status, a.body)
		}
		if a := s.ask("GET", "/api/v1/dead/3.0", "", bearer()...); a.status != 404 {
			t.Errorf("another: %d %s", a.status, a.body)
		}
	})
	t.Run("what can be discarded is, and the rest is told", func(t *testing.T) {
		got := act[Discarded](s, "/api/v1/dead/discard", `{"ids":["1.0","2.0","3.0"],"reason":" test accounts "}`)
		if len(got.Discarded) != 1 || got.Discarded[0].ID != "1.1" || len(got.Refused) != 2 || got.Refused[0].ID != "2.0" || !strings.Contains(got.Refused[1].Why, "MySQL") {
			t.Errorf("got %+v", got)
		}
		by := " test accounts dashboard, signed in from 127.0.0.1"
		if diff := cmp.Diff([]string{"1.0" + by, "2.0" + by, "3.0" + by}, asked); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("without a reason nothing is", func(t *testing.T) {
		asked = nil
		for _, body := range []string{`{"ids":["1.0"]}`, `{"ids":["1.0"],"reason":" "}`, `{"ids":["1.0"],"reason":"` + strings.Repeat("x", 501) + `"}`, `{"reason":"x"}`} {
			s.refused(400, "/api/v1/dead/discard", body)
		}
		if len(asked) > 0 {
			t.Error(asked)
		}
	})
}

func TestWithoutLegacy(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.kill(1, 0)
	if told := s.refused(501, "/api/v1/dead/discard", `{"ids":["1.0"],"reason":"x"}`); !strings.Contains(told, "producer dead discard 1.0 --reason TEXT") {
		t.Error(told)
	}
	if a := s.ask("GET", "/api/v1/dead/1.0", "", bearer()...); a.status != 501 || !strings.Contains(a.body, "producer dead show 1.0") {
		t.Errorf("%d %s", a.status, a.body)
	}
	s.move(0, 0, "000000001", "000000002")
	e := act[aggregator.Explanation](s, "/api/v1/explain", `{"user":"000000001"}`)
	if e.State != "migrated" || e.Legacy != "not_asked" {
		t.Errorf("got %+v", e)
	}
	if strings.Contains(s.log.String(), "000000001") {
		t.Error("the log names the user")
	}
	for _, body := range []string{`{}`, `{"user":""}`, `{"user":"` + strings.Repeat("1", 1001) + `"}`} {
		s.refused(400, "/api/v1/explain", body)
	}
}

func TestPause(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	for body, want := range map[string]string{`{"reason":"the shop is slow"}`: "the shop is slow", `{"now":true}`: "dashboard, signed in from 127.0.0.1"} {
		got := act[producer.Standing](s, "/api/v1/pause", body)
		if got.Paused == nil || got.Paused.Reason != want || s.paused() != want || got.Paused.Rollback != strings.Contains(body, "now") {
			t.Errorf("%s: %+v", body, got.Paused)
		}
	}
	if got := act[producer.Standing](s, "/api/v1/resume", `{}`); got.Paused != nil || s.paused() != "" {
		t.Errorf("got %+v", got.Paused)
	}
}

// A role that reads alone is told which right it lacks, and what to type elsewhere.
func TestARoleThatReads(t *testing.T) {
	t.Parallel()
	s := newLedger(t, small())
	s.kill(0, 0)
	var database string
	s.must(s.pool.QueryRow(t.Context(), `SELECT current_database()`).Scan(&database))
	role := "reader_" + database
	s.exec(`CREATE ROLE ` + role)
	t.Cleanup(func() {
		_, err := s.conn.Exec(context.Background(), `DROP OWNED BY `+role+`; DROP ROLE `+role)
		s.must(err)
	})
	s.exec(`GRANT USAGE ON SCHEMA rehome TO ` + role + `; GRANT SELECT ON ALL TABLES IN SCHEMA rehome TO ` + role)
	config := s.pool.Config().Copy()
	config.ConnConfig.RuntimeParams["role"] = role
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	s.must(err)
	t.Cleanup(pool.Close)
	c := s.config()
	c.Ledger = ledger.Open(pool)
	c.Letters = func(migration, by string) Letters {
		return &producer.DeadLetters{Migration: migration, Pool: pool, Version: "1.0.0", By: by}
	}
	s.serve(c)
	for path, wants := range map[string][]string{
		"/api/v1/pause":          {role, "GRANT UPDATE (version, paused, paused_at, rollback) ON rehome.control", "producer pause", "--variable=actions=on"},
		"/api/v1/dead/republish": {role, "ON rehome.shard", "ON rehome.migration", "producer dead republish", "--variable=actions=on"},
	} {
		told := s.refused(403, path, acts[path])
		for _, want := range wants {
			if !strings.Contains(told, want) {
				t.Errorf("%s does not say %q: %s", path, want, told)
			}
		}
	}
	o := get[Overview](s, "/api/v1/overview")
	if o.Actions.Dead || o.Actions.Pause || !strings.Contains(o.Actions.DeadWhyNot, role) || !strings.Contains(o.Actions.PauseWhyNot, role) {
		t.Errorf("got %+v", o.Actions)
	}
	if _, letter, err := s.Shard(t.Context(), "shop", 0); err != nil || letter == nil {
		t.Errorf("the shard is dead no more: %v", err)
	}
}

func TestSafeDetails(t *testing.T) {
	t.Parallel()
	got := safe(json.RawMessage(`{"cause":"unique:app.users.email","key":"ann@x.org","by":"ops","user":17,"was":"dead"}`))
	if diff := cmp.Diff(map[string]any{"cause": "unique:app.users.email", "by": "ops", "was": "dead"}, got); diff != "" {
		t.Error(diff)
	}
	if got := safe(json.RawMessage(`["ann@x.org"]`)); len(got) != 0 {
		t.Errorf("got %v", got)
	}
}
