package mapping

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"rehome/pkg/keyspace"
	"rehome/pkg/value"
)

// cells spells a row; "-" is NULL.
func cells(texts ...string) []value.Cell {
	out := make([]value.Cell, len(texts))
	for i, text := range texts {
		if text != "-" {
			out[i] = value.Cell(text)
		}
	}
	return out
}

func id(entity, key string) []byte {
	id := value.NewEntity("m", entity).ID([]byte(key))
	return id[:]
}

func sized(body []byte) []byte { return append([]byte{0, 0, 0, byte(len(body))}, body...) }

var nullField = []byte{0xff, 0xff, 0xff, 0xff}

func tuple(fields ...[]byte) []byte {
	return append([]byte{0, byte(len(fields))}, bytes.Join(fields, nil)...)
}

func encode(p *RowPlan, unit string, row ...string) ([]byte, Encoded) {
	var owner []byte
	if unit != "" {
		owner = []byte(unit)
	}
	return p.NewEncoder().Encode(nil, owner, cells(row...))
}

func TestATupleHasTheBytesOfCopy(t *testing.T) {
	users := compiled(t).Plans[0]
	got, e := encode(users, "7", "7", " Ada ", "-")
	want := tuple(sized(id("user", "7")), sized([]byte("Ada")), nullField)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(Encoded{Changed: true, Key: sized(id("user", "7"))}, e); diff != "" {
		t.Error(diff)
	}
	if _, e := encode(users, "7", "7", "Ada", "3"); e.Changed {
		t.Error("a value that no rule changed counts as changed")
	}
}

func TestTheIdentifierIsTheOneOfTheContract(t *testing.T) {
	c := compiled(t, "name: m\n", "name: community\n")
	got, _ := encode(c.Plans[0], "1", "1", "x", "-")
	if id := hex.EncodeToString(got[6:22]); id != "2290c634b71f5ad582dc8667044d17d8" {
		t.Errorf("got %s", id)
	}
}

func TestWhatStopsARow(t *testing.T) {
	c := compiled(t)
	for _, test := range []struct {
		name string
		plan int
		unit string
		row  []string
		want Encoded
	}{
		{"NULL where the target allows none", 0, "7", []string{"7", "-", "-"}, Encoded{Ending: Refused, Cause: "not_null:app.users.name"}},
		{"a NULL key is no identifier", 0, "7", []string{"-", "x", "-"}, Encoded{Ending: Refused, Cause: "not_null:app.users.id"}},
		{"a value that is refused", 0, "7", []string{"7", "x", "much"}, Encoded{Ending: Refused, Cause: "syntax:app.users.rank"}},
		{"a reference to what is not there, missing: leave", 2, "", []string{"x", "5", "-"}, Encoded{Ending: LeftOut}},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := []byte("before")
			enc := c.Plans[test.plan].NewEncoder()
			got, e := enc.Encode(before, []byte(test.unit), cells(test.row...))
			if string(got) != "before" {
				t.Errorf("dst became %q", got)
			}
			if e.Key = nil; !cmp.Equal(test.want, e) {
				t.Errorf("got %+v", e)
			}
		})
	}
}

func TestReferences(t *testing.T) {
	t.Run("to the owner needs no question and is spelled as the owner is", func(t *testing.T) {
		posts := compiled(t).Plans[1]
		if len(posts.Select) != 3 {
			t.Fatalf("it reads %q", posts.Select)
		}
		got, e := encode(posts, "A", "9", "a ", "-")
		if want := tuple(sized(id("post", "9")), sized(id("user", "A")), nullField, sized([]byte("old"))); !bytes.Equal(got, want) || e.Changed {
			t.Errorf("got %x, %+v", got, e)
		}
	})
	t.Run("of a row without an owner, missing: to_null", func(t *testing.T) {
		enc := compiled(t).Plans[1].NewEncoder()
		got, e := enc.Encode(nil, nil, cells("9", "404", "-"))
		if want := tuple(sized(id("post", "9")), nullField, nullField, sized([]byte("old"))); !bytes.Equal(got, want) || !e.Changed {
			t.Errorf("got %x, %+v", got, e)
		}
		if diff := cmp.Diff([]value.Hit{0, 1, 0, 0}, enc.Hits()); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("NULL is no reference to what is missing", func(t *testing.T) {
		got, e := encode(compiled(t).Plans[1], "", "9", "-", "-")
		if want := tuple(sized(id("post", "9")), nullField, nullField, sized([]byte("old"))); !bytes.Equal(got, want) || e.Changed {
			t.Errorf("got %x, %+v", got, e)
		}
	})
	t.Run("missing: wait names the row that is needed as its table's key", func(t *testing.T) {
		c := compiled(t, "post_id, missing: leave}", "post_id, missing: wait}")
		got, e := encode(c.Plans[2], "", "x", "5", "-")
		want := Encoded{Ending: Waits, Cause: "waits:app.tags.first_post", Needs: c.Plans[1], Key: sized(id("post", "5"))}
		if len(got) > 0 || e.Needs != want.Needs || e.Cause != want.Cause || e.Ending != want.Ending || !bytes.Equal(e.Key, want.Key) {
			t.Errorf("got %x, %+v", got, e)
		}
	})
	t.Run("to what is there has the owner's spelling", func(t *testing.T) {
		got, e := encode(compiled(t).Plans[2], "", "x", "5", "05")
		if want := tuple(sized([]byte("x")), sized(id("post", "05"))); !bytes.Equal(got, want) || e.Changed {
			t.Errorf("got %x, %+v", got, e)
		}
	})
}

func TestANullIsATroubleWhereTheTargetHasNone(t *testing.T) {
	got := compiled(t).Plans[0].NewEncoder().Troubles([]byte("7"), cells("7", "-", "-"))
	if diff := cmp.Diff([]Trouble{{Column: 1, Ending: Refused, Cause: "not_null:app.users.name"}}, got); diff != "" {
		t.Error(diff)
	}
}

func TestTheHitsAreThoseOfTheNewestRow(t *testing.T) {
	p := compiled(t, "{sql: name, steps: [trim]}", "{sql: name, nul_byte: strip}").Plans[0]
	e := p.NewEncoder()
	for _, row := range []struct {
		name string
		hit  value.Hit
	}{{"A\x00da", 1}, {"Ada", 0}, {"A\x00da", 1}} {
		if _, made := e.Encode(nil, []byte("7"), cells("7", row.name, "-")); made.Changed != (row.hit != 0) || e.Hits()[1] != row.hit {
			t.Errorf("name %q: %+v, hits %v", row.name, made, e.Hits())
		}
	}
}

func TestOneEncoderTellsReferencesOfManyRowsApart(t *testing.T) {
	p := compiled(t).Plans[1]
	rapid.Check(t, func(t *rapid.T) {
		e, users := p.NewEncoder(), rapid.SliceOf(rapid.SampledFrom([]string{"nobody", "1", "2", "12", "-1"})).Draw(t, "users")
		var room []byte // one for all, as a reader has it
		for _, user := range users {
			var unit []byte
			want := nullField
			if user != "nobody" {
				room = append(room[:0], user...)
				unit, want = room, sized(id("user", user))
			}
			got, made := e.Encode(nil, unit, cells("7", user, "-", "x"))
			if made.Ending != Written || !bytes.Equal(got[22:22+len(want)], want) || !bytes.Equal(made.Key, sized(id("post", "7"))) {
				t.Fatalf("of user %q: %x, %+v, want %x", user, got, made, want)
			}
		}
	})
}

func TestKeysOfSeveralParts(t *testing.T) {
	r := &reference{entity: value.NewEntity("m", "pair"), kinds: []keyspace.Kind{keyspace.Integer, keyspace.Binary}, of: []int{1, 0}}
	if out, b := r.build(nil, nil, []value.Cell{{0xAB, 0x00}, value.Cell("-3")}, &memo{}); b.null || !bytes.Equal(out, id("pair", "-3\x1fab00")) {
		t.Errorf("got %x, %+v", out, b)
	}
	if _, b := r.build(nil, nil, []value.Cell{nil, value.Cell("-3")}, &memo{}); !b.null {
		t.Error("one NULL among several does not give NULL")
	}
}

func TestQuestionsForAReference(t *testing.T) {
	ask := func(t *testing.T, edits ...string) string {
		t.Helper()
		tags := compiled(t, edits...).Plans[2]
		return tags.Select[len(tags.Select)-1]
	}
	const from = "posts p LEFT JOIN countries c ON c.code = p.country"
	tests := []struct {
		name  string
		edits []string
		want  string
	}{
		{"the entry that makes the identifiers is asked", nil,
			"(SELECT rehome_e.rehome_k0 FROM (SELECT (p.id) AS rehome_k0 FROM " + from + ") AS rehome_e WHERE rehome_e.rehome_k0 = (post_id) LIMIT 1)"},
		{"what a condition leaves out is not there", []string{"    unowned: migrate\n", "    unowned: migrate\n    where: p.id > 5\n"},
			"(SELECT rehome_e.rehome_k0 FROM (SELECT (p.id) AS rehome_k0 FROM " + from + " WHERE (p.id > 5)) AS rehome_e WHERE rehome_e.rehome_k0 = (post_id) LIMIT 1)"},
		{"nor what is left because nobody owns it", []string{"unowned: migrate", "unowned: leave"},
			"(SELECT rehome_e.rehome_k0 FROM (SELECT (p.id) AS rehome_k0 FROM " + from + " WHERE (p.user_id) IN (SELECT (id) FROM users)) AS rehome_e WHERE rehome_e.rehome_k0 = (post_id) LIMIT 1)"},
		{"nor what is left because it refers to what is not there", []string{"missing: to_null}", "missing: leave}"},
			"(SELECT rehome_e.rehome_k0 FROM (SELECT (p.id) AS rehome_k0 FROM " + from + " WHERE ((p.user_id) IS NULL OR " +
				"(SELECT rehome_e.rehome_k0 FROM (SELECT (id) AS rehome_k0 FROM users) AS rehome_e WHERE rehome_e.rehome_k0 = (p.user_id) LIMIT 1) IS NOT NULL)) AS rehome_e WHERE rehome_e.rehome_k0 = (post_id) LIMIT 1)"},
		{"a chain that comes back to itself ends", []string{"{uuid: user, of: p.user_id, missing: to_null}", "{uuid: post, of: p.user_id, missing: leave}"},
			"(SELECT rehome_e.rehome_k0 FROM (SELECT (p.id) AS rehome_k0 FROM " + from + ") AS rehome_e WHERE rehome_e.rehome_k0 = (post_id) LIMIT 1)"},
		{"several entries of one table are asked in turn", []string{"  - into: app.tags\n", secondPosts + "  - into: app.tags\n"}, ""},
	}
	for _, test := range tests[:len(tests)-1] {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, ask(t, test.edits...)); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run(tests[len(tests)-1].name, func(t *testing.T) {
		c := compiled(t, tests[len(tests)-1].edits...)
		got := c.Plans[3].Select[2]
		if !strings.HasPrefix(got, "COALESCE((SELECT ") || strings.Count(got, "LIMIT 1)") != 2 || !strings.Contains(got, "FROM posts WHERE (id < 0)") {
			t.Errorf("got %s", got)
		}
	})
}

const secondPosts = `  - into: app.posts
    from: posts
    user: user_id
    where: id < 0
    columns: {id: {uuid: post, of: id}, author_id: {uuid: user, of: user_id}, source: {const: new}}
`

func TestWhenTheOwnerIsAsked(t *testing.T) {
	for name, edits := range map[string][]string{
		"an entry of users with a condition":        {"    user: id\n", "    user: id\n    where: rank > 3\n"},
		"an entry of users that may leave rows out": {"rank: rank", "rank: rank\n      boss: {uuid: user, of: rank, missing: leave}"},
		"an entry of users that an inner join cuts": {"    from: users\n", "    from: users JOIN countries n ON n.code = users.name\n    joins: {countries: lookup}\n",
			"    user: id\n", "    user: users.id\n", "{uuid: user, of: id}", "{uuid: user, of: users.id}", "{sql: name, steps: [trim]}", "users.name"},
		"a reference to another than the owner": {"of: p.user_id, missing", "of: p.id, missing"},
		"an entity of another key":              {"{uuid: user, of: id}", "{uuid: user, of: rank}"},
	} {
		t.Run(name, func(t *testing.T) {
			to := targetWorld()
			to.Tables[0].Columns = append(to.Tables[0].Columns, TargetColumn{Name: "boss", Type: uuidType})
			c, _, err := Compile(t.Context(), parsed(t, edited(t, world, edits...)), legacyWorld(), to)
			if err != nil {
				t.Fatal(err)
			}
			if posts := c.Plans[1].Select; !strings.HasPrefix(posts[2], "(SELECT rehome_e.") {
				t.Errorf("nobody is asked: %q", posts)
			}
		})
	}
	t.Run("a left join loses no user", func(t *testing.T) {
		c := compiled(t, "    from: users\n", "    from: users LEFT JOIN countries n ON n.code = users.name\n    joins: {countries: lookup}\n",
			"    user: id\n", "    user: users.id\n", "{uuid: user, of: id}", "{uuid: user, of: users.id}", "{sql: name, steps: [trim]}", "users.name")
		if posts := c.Plans[1].Select; len(posts) != 3 {
			t.Errorf("somebody is asked: %q", posts)
		}
	})
}

func TestTheKeyOfATupleIsTheOneOfItsRow(t *testing.T) {
	plan := compiled(t).Plans[1]
	rapid.Check(t, func(t *rapid.T) {
		p := *plan
		p.KeyColumns = rapid.SliceOfNDistinct(rapid.IntRange(0, 3), 1, 4, rapid.ID[int]).Draw(t, "key")
		row := func(name string) []value.Cell {
			text := rapid.StringMatching(`[0-9]{1,6}`)
			out := cells(text.Draw(t, name), text.Draw(t, name), rapid.StringMatching(`[a-zäö]{0,9}|-`).Draw(t, name))
			return out
		}
		enc := p.NewEncoder()
		first, e := enc.Encode([]byte("before"), []byte("1"), row("first"))
		first = first[len("before"):]
		key := bytes.Clone(e.Key)
		if got := p.TupleKey(nil, first); !bytes.Equal(got, key) {
			t.Fatalf("TupleKey gives %x, Encode %x", got, key)
		}
		second, _ := enc.Encode(nil, []byte("1"), row("second"))
		differ := p.Differs(first, second)
		if (differ == "(none)") != bytes.Equal(first, second) || p.Differs(second, first) != differ {
			t.Fatalf("%x and %x differ in %s", first, second, differ)
		}
	})
}

func TestDiffersNamesTheFirstColumn(t *testing.T) {
	p := compiled(t).Plans[0]
	a := tuple(sized([]byte("1")), sized([]byte("x")), nullField)
	for want, b := range map[string][]byte{
		"(none)": a,
		"name":   tuple(sized([]byte("1")), nullField, sized([]byte("y"))),
		"rank":   tuple(sized([]byte("1")), sized([]byte("x")), sized(nil)),
		"id":     tuple(sized([]byte("1x"))),
	} {
		if got := p.Differs(a, b); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if got := p.Differs(a, a[:9]); got != "name" {
		t.Errorf("of a short tuple it names %s", got)
	}
}
