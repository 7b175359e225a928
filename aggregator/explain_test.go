package main_test

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rehome/pkg/sandbox/programs"
)

var update = flag.Bool("update", false, "write the golden files anew")

const explainMapping = `
name: small
legacy: {dsn: "${LEGACY_DSN}", time_zone: UTC}
target: {dsn: "${TARGET_DSN}"}
stop: {quarantined: 100%}
users: {from: users, key: id}
tables:
  - into: app.users
    from: users
    user: id
    columns:
      id:    {uuid: user, of: id}
      email: {sql: email, steps: [trim, lower]}
      kind:  {sql: kind, values: {1: reader, 2: writer}}
  - into: app.posts
    from: posts
    user: user_id
    columns:
      id:      {uuid: post, of: id}
      user_id: {uuid: user, of: user_id}
      parent:  {uuid: post, of: parent}
      title:   {sql: title, steps: [empty_to_null]}
`

// volatile are the parts of an explanation that are never the same twice: when a shard was done, by which mapping, in which trace.
var volatile = regexp.MustCompile(`[0-9-]{10}T[0-9:]{8}Z|\b[0-9a-f]{32}\b|\s\s[0-9a-f]{12}\s\s`)

func TestExplain(t *testing.T) {
	m := newPlace(t)
	m.inLegacy(`CREATE TABLE users (id INT PRIMARY KEY, email VARCHAR(50), kind INT);
		CREATE TABLE posts (id INT PRIMARY KEY, user_id INT, parent INT, title VARCHAR(20), KEY (user_id));
		INSERT INTO users VALUES (1, ' Ann@X.org', 1), (2, 'bob@x.org', 7), (3, 'cy@x.org', 2), (4, 'dee@x.org', 1), (5, 'DEE@x.org', 1);
		INSERT INTO posts VALUES (10, 1, NULL, ''), (20, 2, NULL, 'of Bob'), (30, 3, 20, 'to Bob'), (40, 3, NULL, 'to all');`)
	m.inTarget(`CREATE SCHEMA app;
		CREATE TABLE app.users (id uuid PRIMARY KEY, email text UNIQUE, kind text);
		CREATE TABLE app.posts (id uuid PRIMARY KEY, user_id uuid REFERENCES app.users, parent uuid REFERENCES app.posts, title text);`)
	m.migrate(explainMapping)
	m.inLegacy(`INSERT INTO users VALUES (6, 'eve@x.org', 1)`)
	for _, test := range []struct{ name, user, file string }{
		{"a user who arrived, with each rule that fires", "1", "migrated"},
		{"a user who is quarantined for a value, with the value", "2", "quarantined"},
		{"a user with a row that waits for another's", "3", "waiting"},
		{"a user who collides with another", "4", "collides"},
		{"a user who has come since", "6", "new"},
		{"a user whom nobody knows", "99", "unknown"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := m.start(programs.Aggregator, "explain", test.user)
			if got := p.Wait(m.ctx); got != 0 {
				t.Fatalf("explain ends with %d: %s", got, p.Stderr())
			}
			got := volatile.ReplaceAllString(p.Stdout(), "…")
			path := filepath.Join("testdata", "explain_"+test.file+".txt")
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	t.Run("what can be no key is refused as such", func(t *testing.T) {
		p := m.start(programs.Aggregator, "explain", "ada")
		if got := p.Wait(m.ctx); got != 2 || !strings.Contains(p.Stderr(), "this can be no user's key: it is spelled as users.key has it") {
			t.Errorf("exit %d: %s", got, p.Stderr())
		}
	})
	t.Run("a key is one argument", func(t *testing.T) {
		if got := m.start(programs.Aggregator, "explain").Wait(m.ctx); got != 2 {
			t.Errorf("it ends with %d", got)
		}
	})
}
