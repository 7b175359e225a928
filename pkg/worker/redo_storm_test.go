package worker

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rehome/pkg/keyspace"
	"rehome/pkg/ledger"
	"rehome/pkg/shard"
)

const (
	stormLegacy = `CREATE TABLE users (id INT PRIMARY KEY, name VARCHAR(20), friend INT);
		CREATE TABLE posts (id INT PRIMARY KEY, user_id INT, parent INT, kind VARCHAR(10), title VARCHAR(50), KEY (user_id))`
	stormTarget = `CREATE SCHEMA app;
		CREATE TABLE app.users (id int PRIMARY KEY, name text, friend int REFERENCES app.users);
		CREATE TABLE app.posts (id int PRIMARY KEY, author int REFERENCES app.users ON DELETE CASCADE, parent int REFERENCES app.posts ON DELETE SET NULL, kind text, title text)`
	storm = `name: desk
legacy: {dsn: "${A}", time_zone: UTC}
target: {dsn: "${B}"}
users: {from: users, key: id}
waves: [{name: all}]
tables:
  - {into: app.posts, from: posts, user: user_id, unowned: migrate, columns: {id: id, author: user_id, parent: parent, kind: {sql: kind, values: {q: question}}, title: title}}
  - {into: app.users, from: users, user: id, columns: {id: id, name: name, friend: friend}}
`
	stormUsers, stormPosts = 6, 14 // keys from 1 and from 101
)

// A weather is a desk in whose two databases somebody does this and that.
type weather struct {
	*desk
	rand    *rand.Rand
	version int
}

func (w *weather) user() int    { return 1 + w.rand.IntN(stormUsers) }
func (w *weather) post() int    { return 101 + w.rand.IntN(stormPosts) }
func (w *weather) text() string { w.version++; return fmt.Sprintf("v%d", w.version) }

// or returns the number, or NULL as often as not.
func (w *weather) or(n int) string {
	if w.rand.IntN(2) == 0 {
		return "NULL"
	}
	return fmt.Sprint(n)
}

// old does one thing to the legacy database.
func (w *weather) old() {
	kind := "q"
	if w.rand.IntN(12) == 0 {
		kind = "poll"
	}
	switch w.rand.IntN(5) {
	case 0:
		w.inLegacy(fmt.Sprintf(`DELETE FROM posts WHERE id = %d`, w.post()))
	case 1:
		w.inLegacy(fmt.Sprintf(`DELETE FROM users WHERE id = %d`, w.user()))
	case 2:
		w.inLegacy(fmt.Sprintf(`REPLACE INTO users VALUES (%d, '%s', %s)`, w.user(), w.text(), w.or(w.user())))
	default:
		w.inLegacy(fmt.Sprintf(`REPLACE INTO posts VALUES (%d, %d, %s, '%s', '%s')`, w.post(), w.user(), w.or(w.post()), kind, w.text()))
	}
}

// app does one thing to the target as an application would, which its constraints may refuse.
func (w *weather) app() {
	statement := fmt.Sprintf(`UPDATE app.posts SET title = '%s' WHERE id = %d`, w.text(), w.post())
	switch w.rand.IntN(5) {
	case 0:
		statement = fmt.Sprintf(`DELETE FROM app.posts WHERE id = %d AND NOT EXISTS (SELECT FROM app.posts AS c WHERE c.parent = app.posts.id)`, w.post())
	case 1:
		statement = fmt.Sprintf(`UPDATE app.users SET name = '%s' WHERE id = %d`, w.text(), w.user())
	case 2:
		statement = fmt.Sprintf(`INSERT INTO app.posts VALUES (%d, %d, %s, 'own', '%s')`, w.post(), w.user(), w.or(w.post()), w.text())
	}
	_, _ = w.target.Exec(w.Context(), statement) // refused is as well as done
}

// rows returns the target's rows by table and key.
func (w *weather) rows() map[string]string {
	out := map[string]string{}
	for _, table := range []string{"app.users", "app.posts"} {
		for row := range strings.SplitSeq(w.ask(`SELECT string_agg(t::text, ' ') FROM `+table+` AS t`), " ") {
			if key, _, ok := strings.Cut(strings.Trim(row, "()"), ","); ok {
				out[table+" "+key] = row
			}
		}
	}
	return out
}

// all does every user and every row of nobody again, and some more often, as rows change hands.
func (w *weather) all(overwrite bool) {
	users, posts := []keyspace.Key{}, []keyspace.Key{}
	for n := range stormUsers {
		users = append(users, keyspace.Key{fmt.Sprint(n + 1)})
	}
	for n := range stormPosts {
		posts = append(posts, keyspace.Key{fmt.Sprint(n + 101)})
	}
	for range 2 {
		_, err := w.tries(ledger.RedoShard{Of: shard.Unowned, Entry: 0, List: shard.List{Units: posts, Overwrite: overwrite}})
		w.must(err)
		_, err = w.tries(ledger.RedoShard{List: shard.List{Units: users, Overwrite: overwrite}})
		w.must(err)
	}
	_, err := w.tries(ledger.RedoShard{Of: shard.Unowned, Entry: 0, List: shard.List{Units: posts, Overwrite: overwrite}})
	w.must(err)
}

// expected returns what a migration of the legacy database as it is comes to.
func (w *weather) expected() map[string]string {
	type row struct {
		text  string
		needs []string
		user  int
	}
	all, users, out := map[string]row{}, map[int]bool{}, map[int]bool{}
	each := func(query string, do func(id int, user, ref *int, kind, text string)) {
		rows, err := w.legacy.QueryContext(w.Context(), query)
		w.must(err)
		defer rows.Close()
		for rows.Next() {
			var id int
			var user, ref *int
			var kind, text string
			w.must(rows.Scan(&id, &user, &ref, &kind, &text))
			do(id, user, ref, kind, text)
		}
		w.must(rows.Err())
	}
	spell := func(n *int) string {
		if n == nil {
			return ""
		}
		return fmt.Sprint(*n)
	}
	each(`SELECT id, id, friend, '', name FROM users`, func(id int, _, friend *int, _, name string) {
		users[id] = true
		r := row{text: fmt.Sprintf("(%d,%s,%s)", id, name, spell(friend)), user: id}
		if friend != nil {
			r.needs = append(r.needs, "app.users "+spell(friend))
		}
		all[fmt.Sprint("app.users ", id)] = r
	})
	each(`SELECT id, user_id, parent, kind, title FROM posts`, func(id int, user, parent *int, kind, title string) {
		r := row{text: fmt.Sprintf("(%d,%s,%s,question,%s)", id, spell(user), spell(parent), title), user: *user, needs: []string{"app.users " + spell(user)}}
		if parent != nil {
			r.needs = append(r.needs, "app.posts "+spell(parent))
		}
		if kind == "q" {
			all[fmt.Sprint("app.posts ", id)] = r
		} else {
			out[*user] = users[*user]
		}
	})
	maps.DeleteFunc(all, func(_ string, r row) bool { return out[r.user] })
	for n := -1; n != len(all); {
		n = len(all)
		maps.DeleteFunc(all, func(_ string, r row) bool {
			return slices.ContainsFunc(r.needs, func(key string) bool { return all[key].text == "" })
		})
	}
	want := map[string]string{}
	for key, r := range all {
		want[key] = r.text
	}
	return want
}

func TestRedoStorm(t *testing.T) {
	for seed := range uint64(2) {
		t.Run(fmt.Sprintf("what the application does stays, and told so the target becomes what the legacy database says, seed %d", seed), func(t *testing.T) {
			w := &weather{desk: newDesk(t, stormLegacy, stormTarget, storm), rand: rand.New(rand.NewPCG(seed, 7))}
			w.load()
			compared := 0
			for range 6 {
				for range 6 {
					w.old()
				}
				w.all(false)
				before := w.rows()
				for range 4 {
					w.app()
				}
				theirs := w.rows()
				for range 5 {
					w.old()
				}
				w.all(false)
				w.adds()
				after := w.rows()
				for key := range union(before, theirs) {
					own := strings.Contains(before[key], ",own,") && theirs[key] == "" // it has taken its own row away
					if before[key] != theirs[key] && theirs[key] != after[key] && !own {
						t.Errorf("%s was %q, the application made %q of it, and now it is %q", key, before[key], theirs[key], after[key])
					}
				}
				if w.rand.IntN(2) == 0 {
					w.inLegacy(`DELETE FROM posts WHERE user_id NOT IN (SELECT id FROM users)`) // they would hold, in the target, users who are gone
					w.all(true)
					w.adds()
					if w.ask(`SELECT count(*) FROM rehome.conflict WHERE NOT settled`) != "0" {
						continue // rows of different lists hold each other
					}
					compared++
					if diff := cmp.Diff(w.expected(), w.rows()); diff != "" {
						t.Fatal(diff)
					}
				}
			}
			if compared == 0 {
				t.Error("the target was never compared with what the legacy database says")
			}
		})
	}
}

func union(a, b map[string]string) map[string]bool {
	out := map[string]bool{}
	for key := range a {
		out[key] = true
	}
	for key := range b {
		out[key] = true
	}
	return out
}
