package main_test

import (
	"testing"

	"rehome/pkg/sandbox"
	"rehome/pkg/sandbox/community"
)

// TestAppearedAfterCrash has somebody sign up after the producer died when the constraints were back. Rows of theirs refer to each other,
// and arrive in an order that the constraints would refuse.
func TestAppearedAfterCrash(t *testing.T) {
	legacy := sandbox.MariaDB(t)
	if _, err := community.Generate(t.Context(), legacy, community.Options{Users: 50, Seed: 7, Clean: true}); err != nil {
		t.Fatal(err)
	}
	g := &ground{legacy: legacy, mapping: small(string(community.Mapping()))}
	s := g.scene(t)
	s.worker("")
	s.crash(s.run("attached"))
	s.holds("constraints that are not valid", 0, `SELECT count(*) FROM pg_constraint WHERE NOT convalidated`)
	if s.count(foreignKeys) == 0 {
		t.Error("no foreign key is back")
	}

	db, err := sandbox.Open(legacy)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, row := range []string{
		`INSERT INTO users (id, login, status, registered, birthday, pinned_post) VALUES (4000000, 'late', 'active', '2020-01-02', '1990-01-02', 5000000)`,
		`INSERT INTO posts (id, user_id, type, body, created) VALUES (5000000, 4000000, 1, 'hello', '2020-01-02')`,
	} {
		if _, err := db.ExecContext(t.Context(), row); err != nil {
			t.Fatal(err)
		}
	}

	s.exec(`INSERT INTO app.categories (id, slug, title) VALUES (-1, 'theirs', 'somebody else''s')`)
	if exit := s.again().Wait(s.ctx); exit != 6 {
		t.Errorf("with a row of somebody else's the next run ends with %d, want 6", exit)
	}
	s.holds("parts that are off", 0, `SELECT count(*) FROM rehome.part WHERE state <> 'valid'`)
	s.exec(`DELETE FROM app.categories WHERE id = -1`)

	again := s.again()
	if exit := again.Wait(s.ctx); exit != 4 {
		t.Errorf("the next run ends with %d, want 4: the source has changed", exit)
	}
	s.invariants()
	s.holds("users who are quarantined", 0, `SELECT count(*) FROM rehome.user_state`)
	s.holds("users", 51, `SELECT count(*) FROM app.users`)
	s.holds("late users with their pinned post", 1, `
		SELECT count(*) FROM app.users AS u JOIN app.posts AS p ON p.id = u.pinned_post_id AND p.author_id = u.id WHERE u.legacy_id = 4000000`)
}
