package mapping_test

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"rehome/pkg/legacy"
	"rehome/pkg/mapping"
	"rehome/pkg/sandbox"
	"rehome/pkg/sandbox/community"
	"rehome/pkg/target"
)

func TestMain(m *testing.M) { sandbox.Main(m) }

func legacyCatalog(t *testing.T, opts community.Options) *mapping.LegacyCatalog {
	t.Helper()
	dsn := sandbox.MariaDB(t)
	if _, err := community.Generate(t.Context(), dsn, opts); err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal("the sandbox's DSN is no URL")
	}
	config := mysql.NewConfig()
	config.User = u.User.Username()
	config.Passwd, _ = u.User.Password()
	config.Net, config.Addr, config.DBName = "tcp", u.Host, strings.TrimPrefix(u.Path, "/")
	db, err := legacy.Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	c, err := db.Catalog(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func targetCatalog(t *testing.T, statements ...string) *mapping.TargetCatalog {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), sandbox.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	for _, statement := range append([]string{community.Schema()}, statements...) {
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	c, err := target.Catalog(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func communityFile(t *testing.T, changes ...string) *mapping.File {
	t.Helper()
	src := string(community.Mapping())
	for i := 0; i < len(changes); i += 2 {
		if strings.Count(src, changes[i]) != 1 {
			t.Fatalf("%q stands %d times in the mapping", changes[i], strings.Count(src, changes[i]))
		}
		src = strings.Replace(src, changes[i], changes[i+1], 1)
	}
	file, faults := mapping.Parse("migration.yaml", []byte(src), func(string) (string, bool) { return "", false })
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	return file
}

func TestTheCommunityCompiles(t *testing.T) {
	to := targetCatalog(t)
	var prints []string
	for name, clean := range map[string]bool{"clean": true, "dirty": false} {
		t.Run("against "+name+" data", func(t *testing.T) {
			from := legacyCatalog(t, community.Options{Users: 200, Seed: 1, Clean: clean})
			c, warnings, err := mapping.Compile(t.Context(), communityFile(t), from, to)
			if err != nil {
				t.Fatal(err)
			}
			if len(warnings) > 0 {
				t.Errorf("warnings: %v", warnings)
			}
			checkPlans(t, c)
			checkQuestions(t, from, c)
			prints = append(prints, c.Fingerprint)
			stored, err := mapping.Decode(mapping.Canonical(communityFile(t)))
			if err != nil {
				t.Fatal(err)
			}
			again, _, err := mapping.Compile(t.Context(), stored, from, to)
			if err != nil {
				t.Fatal(err)
			}
			if again.Hash != c.Hash || again.Fingerprint != c.Fingerprint {
				t.Error("compiled from its canonical form it is another mapping")
			}
			if diff := cmp.Diff(reads(c), reads(again)); diff != "" {
				t.Error(diff)
			}
		})
	}
	if len(prints) == 2 && prints[0] != prints[1] {
		t.Error("the fingerprint depends on the rows")
	}
}

// checkQuestions puts to the server what references became: questions that Compile writes and does not ask.
func checkQuestions(t *testing.T, from *mapping.LegacyCatalog, c *mapping.Compiled) {
	t.Helper()
	for _, p := range c.Plans {
		if _, err := from.Resolve.Resolve(t.Context(), "SELECT ("+strings.Join(p.Select, "), (")+") FROM "+p.From); err != nil {
			t.Errorf("%s: %v", p.Into, err)
		}
	}
}

func TestAReferenceToWhatAReferenceLeavesOut(t *testing.T) {
	from := legacyCatalog(t, community.Options{Users: 20, Seed: 4})
	to := targetCatalog(t, `ALTER TABLE app.orders ADD comment_id uuid REFERENCES app.comments`)
	file := communityFile(t, "      number:      id\n", "      number:      id\n      comment_id:  {uuid: comment, of: state, missing: to_null}\n")
	c, _, err := mapping.Compile(t.Context(), file, from, to)
	if err != nil {
		t.Fatal(err)
	}
	checkQuestions(t, from, c)
	orders := c.Plans[6].Select
	if !strings.Contains(strings.Join(orders, "\n"), "((post_id) IS NULL OR (SELECT ") {
		t.Errorf("comments on posts that are gone count as there: %q", orders)
	}
}

// reads are the expressions that each plan reads.
func reads(c *mapping.Compiled) map[string][]string {
	out := map[string][]string{}
	for _, p := range c.Plans {
		out[p.Into] = p.Select
	}
	return out
}

func checkPlans(t *testing.T, c *mapping.Compiled) {
	t.Helper()
	want := map[string]string{
		"app.users": "users_pkey", "app.settings": "settings_pkey", "app.categories": "categories_slug_key", "app.posts": "posts_pkey",
		"app.comments": "comments_pkey", "app.follows": "follows_pkey", "app.orders": "orders_pkey",
	}
	got := map[string]string{}
	for i, p := range c.Plans {
		got[p.Into] = p.KeyName
		if p.Ordinal != i || len(p.Columns) == 0 || len(p.SourceKey) != len(p.SourceKinds) || p.OfUsers() == (p.Key != nil) {
			t.Errorf("plan %d is incomplete: %+v", i, p)
		}
		for _, expr := range p.Select {
			// A user is asked for only where a row names one who is not its own.
			if strings.Contains(expr, "FROM (SELECT (users.id)") && !strings.Contains(expr, "(followee_id)") {
				t.Errorf("%s asks whether its own user exists: %s", p.Into, expr)
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// A memo asks each query once.
type memo struct {
	mapping.Resolver
	answers map[string]answer
}

type answer struct {
	mapping.Resolved
	err error
}

func (m memo) Resolve(ctx context.Context, query string) (mapping.Resolved, error) {
	a, ok := m.answers[query]
	if !ok {
		a.Resolved, a.err = m.Resolver.Resolve(ctx, query)
		m.answers[query] = a
	}
	return a.Resolved, a.err
}

func TestTheCommunityWithLinesMissing(t *testing.T) {
	from, to := legacyCatalog(t, community.Options{Users: 20, Seed: 3}), targetCatalog(t)
	from.Resolve = memo{from.Resolve, map[string]answer{}}
	lines := strings.SplitAfter(string(community.Mapping()), "\n")
	compiled, refused := 0, 0
	for i := range lines {
		for _, also := range []int{i, (i*7 + 3) % len(lines)} {
			src := slices.Clone(lines)
			src[i], src[also] = "", ""
			file, faults := mapping.Parse("f", []byte(strings.Join(src, "")), func(string) (string, bool) { return "", false })
			if len(faults) > 0 {
				continue
			}
			c, _, err := mapping.Compile(t.Context(), file, from, to)
			if _, ok := err.(mapping.Faults); err != nil && (!ok || c != nil) {
				t.Fatalf("without the lines %d and %d: %v", i+1, also+1, err)
			}
			if err == nil {
				compiled++
			} else {
				refused++
			}
		}
	}
	if compiled < 20 || refused < 50 {
		t.Errorf("%d compiled, %d were refused", compiled, refused)
	}
}

func TestTheCommunityWithAnError(t *testing.T) {
	from := legacyCatalog(t, community.Options{Users: 50, Seed: 2})
	plain := targetCatalog(t)
	for _, test := range []struct {
		name    string
		changes []string
		alter   string
		want    []string
	}{
		{name: "an unknown column has the server's words", changes: []string{"credits:        users.credits", "credits:        users.credit"}, want: []string{
			`migration.yaml:42:23: tables[0].columns.credits: the legacy server refuses "users.credit": Unknown column 'users.credit' in 'SELECT'`}},
		{name: "a column that no expression mentions", changes: []string{"      score:      score\n", "      score:      {const: 0}\n"}, want: []string{
			`migration.yaml:99:5: tables[4].ignore: no expression mentions column score of the legacy table comments (feed a column from it, or write ignore: {score: why})`}},
		{name: "a trigger of the target", alter: `CREATE FUNCTION app.mail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
			CREATE TRIGGER welcome AFTER INSERT ON app.users FOR EACH ROW EXECUTE FUNCTION app.mail()`, want: []string{
			`migration.yaml:25:11: tables[0].triggers: trigger welcome of app.users would fire for each row (write triggers: {welcome: fire} if that is wanted, else drop it for the load)`}},
		{name: "a condition that the server refuses", changes: []string{"where: reputation < 100", "where: reputation < hundred"}, want: []string{
			`migration.yaml:18:12: waves[0].where: the legacy server refuses "reputation < hundred": Unknown column 'hundred' in 'SELECT'`}},
		{name: "a FROM that the server refuses is one fault", changes: []string{"categories ON categories.id", "categories ON categories.ident"}, want: []string{
			`migration.yaml:80:11: tables[3].from: the legacy server refuses "posts LEFT JOIN categories ON categories.ident = posts.category_id": Unknown column 'categories.ident' in 'ON'`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			to := plain
			if test.alter != "" {
				to = targetCatalog(t, test.alter)
			}
			c, _, err := mapping.Compile(t.Context(), communityFile(t, test.changes...), from, to)
			faults, ok := err.(mapping.Faults)
			if !ok || c != nil {
				t.Fatalf("got %v, %v", c, err)
			}
			if diff := cmp.Diff(strings.Join(test.want, "\n"), faults.Error()); diff != "" {
				t.Error(diff)
			}
		})
	}
}
