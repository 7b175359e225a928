package target

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rehome/pkg/shard"
)

func TestPlain(t *testing.T) {
	for name, test := range map[string]struct{ key, values, first string }{
		"an integer":              {`id int`, `(1), (-2), (2147483647)`, "1"},
		"a uuid":                  {`id uuid`, `('2290c634-b71f-5ad5-82dc-8667044d17d8'), (gen_random_uuid())`, "2290c634-b71f-5ad5-82dc-8667044d17d8"},
		"a text with odd letters": {`id text`, `('it''s "ä"'), (''), ('\x00')`, `it's "ä"`},
		"a padded text":           {`id char(5)`, `('ab'), ('abc')`, "ab   "},
		"a time with a zone":      {`id timestamptz`, `('2020-01-01 00:00:00.5+00'), ('1900-01-01')`, "2020-01-01 00:00:00.5+00"},
		"a numeric":               {`id numeric(10, 3)`, `(1.5), (0)`, "1.500"},
		"bytes":                   {`id bytea`, `('\x00ff'), ('\x')`, `\x00ff`},
		"an enum":                 {`id app.mood`, `('good'), ('bad')`, "good"},
		"a domain":                {`id app.code`, `(7), (8)`, "7"},
	} {
		t.Run("rows with the key of "+name+" are found by it, printed, and known by it", func(t *testing.T) {
			conn, _ := open(t, `CREATE SCHEMA app`, `CREATE TYPE app.mood AS ENUM ('good', 'bad')`, `CREATE DOMAIN app.code AS int CHECK (VALUE > 0)`,
				`CREATE TABLE app.t (`+test.key+` PRIMARY KEY, note text)`, `INSERT INTO app.t (id) VALUES `+test.values, `CREATE TABLE app.known (target_key bytea)`)
			e := plan(t, conn, "app.t", 1, "id", "note")
			_, tx := begin(t, conn)
			var keys [][]byte
			added := func() (texts []string) {
				err := tx.Added(t.Context(), e, "app.known", func(s *shard.Stored) error {
					texts, keys = append(texts, string(s.Texts[0])), append(keys, slices.Clone(s.Key))
					if s.Texts[1] != nil {
						t.Errorf("NULL is printed as %q", s.Texts[1])
					}
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
				return texts
			}
			all := added()
			if !slices.Contains(all, test.first) {
				t.Errorf("%q is not among %q", test.first, all)
			}
			var stored []string
			err := tx.Stored(t.Context(), e, keys, func(s *shard.Stored) error {
				stored = append(stored, string(s.Texts[0]))
				if got := e.TupleKey(nil, s.Tuple); string(got) != string(s.Key) {
					t.Errorf("the key %x of the tuple %x", s.Key, s.Tuple)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			slices.Sort(stored)
			slices.Sort(all)
			if diff := cmp.Diff(all, stored); diff != "" {
				t.Errorf("found by key (-all +found):\n%s", diff)
			}
			for _, key := range keys[1:] {
				if _, err := conn.Exec(t.Context(), `INSERT INTO app.known VALUES ($1)`, key); err != nil {
					t.Fatal(err)
				}
			}
			if left := added(); len(left) != 1 {
				t.Errorf("%q are left when all but one are known", left)
			}
		})
	}
}
