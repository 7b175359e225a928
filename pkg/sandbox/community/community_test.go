package community

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"rehome/pkg/sandbox"
)

func TestMain(m *testing.M) { sandbox.Main(m) }

// counts are the facts by SQL that shares nothing with the generator.
var counts = map[string]string{
	"Users":      `SELECT COUNT(*) FROM users`,
	"Profiles":   `SELECT COUNT(*) FROM profiles`,
	"Settings":   `SELECT COUNT(*) FROM settings`,
	"Posts":      `SELECT COUNT(*) FROM posts`,
	"Comments":   `SELECT COUNT(*) FROM comments`,
	"Follows":    `SELECT COUNT(*) FROM follows`,
	"Orders":     `SELECT COUNT(*) FROM orders`,
	"Sessions":   `SELECT COUNT(*) FROM sessions`,
	"Categories": `SELECT COUNT(*) FROM categories`,
	"Countries":  `SELECT COUNT(*) FROM countries`,

	"LoginCollisions":   `SELECT COUNT(*) - COUNT(DISTINCT LOWER(login)) FROM users`,
	"EmailVariants":     `SELECT COUNT(*) FROM users WHERE BINARY email <> BINARY LOWER(TRIM(email))`,
	"EmailCollisions":   `SELECT COUNT(*) - COUNT(DISTINCT LOWER(TRIM(email))) FROM users WHERE email <> ''`,
	"EmptyEmails":       `SELECT COUNT(*) FROM users WHERE email = ''`,
	"EmptyNicks":        `SELECT COUNT(*) FROM users WHERE TRIM(nick) = ''`,
	"LongNicks":         `SELECT COUNT(*) FROM users WHERE CHAR_LENGTH(nick) > 40`,
	"EmojiNicks":        `SELECT COUNT(*) FROM users WHERE HEX(nick) LIKE '%F09F%'`,
	"StatusErrors":      `SELECT COUNT(*) FROM users WHERE status + 0 = 0`,
	"NullFlags":         `SELECT COUNT(*) FROM users WHERE active IS NULL`,
	"OddFlags":          `SELECT COUNT(*) FROM users WHERE active IN (2, -1)`,
	"ZeroRegistrations": `SELECT COUNT(*) FROM users WHERE CAST(registered AS CHAR) LIKE '0000-00-00%'`,
	"ZeroLogins":        `SELECT COUNT(*) FROM users WHERE CAST(last_login AS CHAR) LIKE '0000-00-00%'`,
	"ZeroBirthdays":     `SELECT COUNT(*) FROM users WHERE CAST(birthday AS CHAR) = '0000-00-00'`,
	"PartialBirthdays":  `SELECT COUNT(*) FROM users WHERE CAST(birthday AS CHAR) LIKE '%-00' AND CAST(birthday AS CHAR) NOT LIKE '0000%'`,
	"BigCredits":        `SELECT COUNT(*) FROM users WHERE credits > 9223372036854775807`,
	"NULBios":           `SELECT COUNT(*) FROM users WHERE INSTR(bio, CHAR(0)) > 0`,
	"PinnedGone":        `SELECT COUNT(*) FROM users u LEFT JOIN posts p ON p.id = u.pinned_post WHERE u.pinned_post IS NOT NULL AND p.id IS NULL`,

	"MissingProfiles":  `SELECT COUNT(*) FROM users WHERE id NOT IN (SELECT user_id FROM profiles)`,
	"Latin1Cities":     `SELECT COUNT(*) FROM profiles WHERE CONVERT(city USING ascii) <> city`,
	"CP1252Signatures": `SELECT COUNT(*) FROM profiles WHERE HEX(signature) LIKE '%80' AND HEX(signature) NOT LIKE '%E282%'`,
	"HeightSentinels":  `SELECT COUNT(*) FROM profiles WHERE height_mm > 32767`,
	"EmptyExtras":      `SELECT COUNT(*) FROM profiles WHERE NOT JSON_VALID(extra)`,

	"SettingsTokens":      `SELECT COUNT(*) FROM settings WHERE name = 'session_token'`,
	"SettingsNull":        `SELECT COUNT(*) FROM settings WHERE value IS NULL`,
	"SettingsKeyVariants": `SELECT COUNT(*) FROM settings WHERE BINARY name <> BINARY LOWER(TRIM(name))`,
	"SettingsOfGone":      `SELECT COUNT(*) FROM settings WHERE user_id NOT IN (SELECT id FROM users)`,

	"PostsWithoutUser":  `SELECT COUNT(*) FROM posts WHERE user_id IS NULL`,
	"PostsOfGone":       `SELECT COUNT(*) FROM posts WHERE user_id NOT IN (SELECT id FROM users)`,
	"PostsParentGone":   `SELECT COUNT(*) FROM posts WHERE parent_id NOT IN (SELECT id FROM posts)`,
	"PostsAcceptedGone": `SELECT COUNT(*) FROM posts WHERE accepted_answer_id NOT IN (SELECT id FROM posts)`,
	"PostsAccepted":     `SELECT COUNT(*) FROM posts q JOIN posts a ON a.id = q.accepted_answer_id`,
	"PostsOddType":      `SELECT COUNT(*) FROM posts WHERE type NOT IN (1, 2)`,
	"PostsNUL":          `SELECT COUNT(*) FROM posts WHERE INSTR(body, CHAR(0)) > 0`,
	"PostsEmoji":        `SELECT COUNT(*) FROM posts WHERE HEX(body) LIKE '%F09F9880%'`,
	"PostsZeroCreated":  `SELECT COUNT(*) FROM posts WHERE CAST(created AS CHAR) LIKE '0000-00-00%'`,
	"PostsLongTitles":   `SELECT COUNT(*) FROM posts WHERE CHAR_LENGTH(title) > 120`,

	"CommentsOfGone": `SELECT COUNT(*) FROM comments WHERE user_id NOT IN (SELECT id FROM users)`,
	"CommentsOnGone": `SELECT COUNT(*) FROM comments WHERE post_id NOT IN (SELECT id FROM posts)`,

	"FollowsOfGone": `SELECT COUNT(*) FROM follows WHERE follower_id NOT IN (SELECT id FROM users)`,
	"FollowsToGone": `SELECT COUNT(*) FROM follows WHERE followee_id NOT IN (SELECT id FROM users)`,

	"OrdersOfGone":      `SELECT COUNT(*) FROM orders WHERE user_id NOT IN (SELECT id FROM users)`,
	"OrdersOddState":    `SELECT COUNT(*) FROM orders WHERE state NOT IN (0, 1, 2, 9)`,
	"OrdersGermanDates": `SELECT COUNT(*) FROM orders WHERE invoiced LIKE '__.__.____'`,
}

// harmless facts are no oddities: a clean community has them too.
var harmless = map[string]bool{
	"Users": true, "Profiles": true, "Settings": true, "Posts": true, "Comments": true, "Follows": true, "Orders": true,
	"Sessions": true, "Categories": true, "Countries": true, "PostsAccepted": true,
}

const size = 3000

func TestGenerate(t *testing.T) {
	t.Run("counts what it makes, and makes every oddity", func(t *testing.T) {
		db, facts := generated(t, Options{Users: size, Seed: 7})
		for name, count := range values(facts) {
			if count == 0 {
				t.Errorf("%s = 0 in a community of %d users", name, size)
			}
		}
		compareWithSQL(t, db, facts)
	})
	t.Run("makes no oddity in a clean community", func(t *testing.T) {
		db, facts := generated(t, Options{Users: size, Seed: 7, Clean: true})
		for name, count := range values(facts) {
			if !harmless[name] && count != 0 {
				t.Errorf("%s = %d in a clean community", name, count)
			}
		}
		compareWithSQL(t, db, facts)
	})
	t.Run("makes the same rows of the same seed, others of another", func(t *testing.T) {
		one, facts := generated(t, Options{Users: 500, Seed: 1})
		same, sameFacts := generated(t, Options{Users: 500, Seed: 1})
		other, _ := generated(t, Options{Users: 500, Seed: 2})
		if diff := cmp.Diff(facts, sameFacts); diff != "" {
			t.Errorf("facts (-first +second):\n%s", diff)
		}
		if diff := cmp.Diff(checksums(t, one), checksums(t, same)); diff != "" {
			t.Errorf("checksums (-first +second):\n%s", diff)
		}
		if cmp.Equal(checksums(t, one), checksums(t, other)) {
			t.Error("seeds 1 and 2 make the same community")
		}
	})
	t.Run("makes ten rows a user, and communities of few", func(t *testing.T) {
		_, facts := generated(t, Options{Users: size, Seed: 3})
		if rows := facts.Rows(); rows < 9*size || rows > 11*size {
			t.Errorf("%d users have %d rows", size, rows)
		}
		for users := 1; users <= 5; users++ {
			db, facts := generated(t, Options{Users: users, Seed: 3})
			compareWithSQL(t, db, facts)
		}
	})
	t.Run("knows no hour between two and three in the night", func(t *testing.T) {
		db, _ := generated(t, Options{Users: size, Seed: 5})
		if n := number(t, db, `SELECT COUNT(*) FROM posts WHERE HOUR(created) = 2`); n != 0 {
			t.Errorf("%d posts are from an hour that may not exist", n)
		}
	})
	t.Run("refuses no users, and a database that is not empty", func(t *testing.T) {
		dsn := sandbox.MariaDB(t)
		if _, err := Generate(t.Context(), dsn, Options{}); err == nil {
			t.Error("a community of nobody was made")
		}
		if _, err := Generate(t.Context(), dsn, Options{Users: 1}); err != nil {
			t.Fatal(err)
		}
		if _, err := Generate(t.Context(), dsn, Options{Users: 1}); err == nil {
			t.Error("a second community was made over the first")
		}
	})
	t.Run("ends when it is told to", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		if _, err := Generate(ctx, sandbox.MariaDB(t), Options{Users: 10_000_000}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Generate = %v, want %v", err, context.DeadlineExceeded)
		}
	})
}

func TestSchema(t *testing.T) {
	t.Run("loads into an empty database", func(t *testing.T) {
		conn, err := pgx.Connect(t.Context(), sandbox.Postgres(t))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(t.Context())
		if _, err := conn.Exec(t.Context(), Schema()); err != nil {
			t.Fatal(err)
		}
		var references int
		const query = `SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND convalidated`
		if err := conn.QueryRow(t.Context(), query).Scan(&references); err != nil {
			t.Fatal(err)
		}
		if references != 10 {
			t.Errorf("%d foreign keys, want 10", references)
		}
	})
}

func TestMapping(t *testing.T) {
	t.Run("is YAML that feeds every table of the schema", func(t *testing.T) {
		var file struct {
			Tables []struct{ Into string }
		}
		if err := yaml.Unmarshal(Mapping(), &file); err != nil {
			t.Fatal(err)
		}
		if got, want := len(file.Tables), strings.Count(Schema(), "CREATE TABLE "); got != want {
			t.Errorf("%d entries for %d tables", got, want)
		}
	})
}

func generated(t *testing.T, opts Options) (*sql.DB, Facts) {
	t.Helper()
	dsn := sandbox.MariaDB(t)
	facts, err := Generate(t.Context(), dsn, opts)
	if err != nil {
		t.Fatal(err)
	}
	db, err := sandbox.Open(dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db, facts
}

func compareWithSQL(t *testing.T, db *sql.DB, facts Facts) {
	t.Helper()
	counted := map[string]int64{}
	for name, query := range counts {
		counted[name] = number(t, db, query)
	}
	if diff := cmp.Diff(counted, values(facts)); diff != "" {
		t.Errorf("facts (-counted by SQL +returned):\n%s", diff)
	}
}

func values(facts Facts) map[string]int64 {
	out := map[string]int64{}
	for field, value := range reflect.ValueOf(facts).Fields() {
		out[field.Name] = value.Int()
	}
	return out
}

func checksums(t *testing.T, db *sql.DB) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, table := range []string{"users", "profiles", "settings", "posts", "comments", "follows", "orders", "sessions"} {
		var name, sum string
		if err := db.QueryRowContext(t.Context(), "CHECKSUM TABLE "+table).Scan(&name, &sum); err != nil {
			t.Fatal(err)
		}
		out[table] = sum
	}
	return out
}

func number(t *testing.T, db *sql.DB, query string) (n int64) {
	t.Helper()
	if err := db.QueryRowContext(t.Context(), query).Scan(&n); err != nil {
		t.Fatal(fmt.Errorf("%s: %w", query, err))
	}
	return n
}
