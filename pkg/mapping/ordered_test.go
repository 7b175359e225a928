package mapping

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rehome/pkg/value"
)

// inOrder says of entities that their uuids are ordered.
func inOrder(src, entities string) string { return src + "ordered_uuids: " + entities + "\n" }

func TestOrderedUUIDsAreReadStrictly(t *testing.T) {
	for _, test := range []struct{ name, entities, want string }{
		{"one entity", "[user]", ""},
		{"an entity that stands there twice", "[user, post, user]", `9:29: ordered_uuids[2]: "user" stands here twice, first in line 9`},
		{"no entity", "[]", "9:16: ordered_uuids: the list is empty (take the key out)"},
		{"a word", "user", "9:16: ordered_uuids: a plain value stands here, and it must be a list"},
		{"a name with a colon", `["a:b"]`, `9:17: ordered_uuids[0]: "a:b" does not do here (write a name without colons and spaces)`},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, faults := Parse("", []byte(inOrder(small, test.entities)), nil)
			if diff := cmp.Diff(test.want, faults.Error()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestOrderedUUIDsHaveToFit(t *testing.T) {
	text := func(c *LegacyCatalog) {
		c.Table("posts").Column("id").Type, c.Table("tags").Column("post_id").Type = varchar, varchar
	}
	both := []string{"{uuid: user, of: id}", "{uuid: user, of: [id, rank]}", "{uuid: user, of: p.user_id, missing", "{uuid: user, of: [p.user_id, p.id], missing"}
	add := func(entities string, edits ...string) []string {
		return append([]string{"ignore: {sessions: worthless}\n", inOrder("ignore: {sessions: worthless}\n", entities)}, edits...)
	}
	runAll(t, []misfit{
		{name: "integers do", edits: add("[user, post]")},
		{name: "an entity that nobody makes", edits: add("[usr]"),
			want: "31:17: ordered_uuids: no entry makes the identifiers of entity usr: none has it as its table's primary key (did you mean user?)"},
		{name: "a text", legacy: text, edits: add("[user, post]"),
			want: "31:23: ordered_uuids: the key of entity post is text (line 18), and only the order of one integer fits into a uuid (take post out: its uuids are of version 5 then)"},
		{name: "a text that is not ordered", legacy: text, edits: add("[user]")},
		{name: "a key of several columns", edits: add("[user]", both...),
			want: "31:17: ordered_uuids: the key of entity user is of several columns (line 9), and only the order of one integer fits into a uuid (take user out: its uuids are of version 5 then)"},
		{name: "an entity of an entry that does not fit is not reported twice", edits: add("[user]", "into: app.users", "into: app.user"),
			want: `5:11: tables[0].into: the target database has no table app.user (did you mean app.users?)`},
	})
}

func TestAllReferencesToAnOrderedEntityAgree(t *testing.T) {
	c := compiled(t, "ignore: {sessions: worthless}\n", inOrder("ignore: {sessions: worthless}\n", "[user]"))
	id := func(key string) []byte {
		id := value.NewOrderedEntity("m", "user").ID([]byte(key))
		return id[:]
	}
	users, _ := encode(c.Plans[0], "7", "7", "Ada", "-")
	if want := tuple(sized(id("7")), sized([]byte("Ada")), nullField); string(users) != string(want) {
		t.Errorf("the user is %x, want %x", users, want)
	}
	posts, e := encode(c.Plans[1], "7", "1", "7", "-", "x")
	if want := sized(id("7")); !strings.Contains(string(posts), string(want)) {
		t.Errorf("the post is %x, %+v, and does not refer to %x", posts, e, want)
	}
	if want := sized(idOfPost("1")); !strings.Contains(string(posts), string(want)) {
		t.Errorf("the post is %x, and is not %x: its entity is not ordered", posts, want)
	}
	for i, plan := range c.Plans {
		for _, column := range plan.Columns {
			if o := column.Origin; o.Ordered != (o.Entity == "user") {
				t.Errorf("column %s of plan %d is of entity %q, ordered %v", column.Name, i, o.Entity, o.Ordered)
			}
		}
	}
}

func idOfPost(key string) []byte { return id("post", key) }

func TestOrderedUUIDsAreAnotherMapping(t *testing.T) {
	bare := parsed(t, mendable)
	user, both, turned := parsed(t, inOrder(mendable, "[user]")), parsed(t, inOrder(mendable, "[user, tag]")), parsed(t, inOrder(mendable, "[tag, user]"))
	if Hash(bare) == Hash(user) || Hash(user) == Hash(both) {
		t.Error("the hash is the same")
	}
	if Hash(both) != Hash(turned) {
		t.Error("their order makes another hash")
	}
	back, err := Decode(Canonical(both))
	if err != nil || !back.ordered("user") || !back.ordered("tag") || back.ordered("post") {
		t.Errorf("%+v comes back, %v", back, err)
	}
	const want = `ordered_uuids: was not there, is [{"text":"user"}]`
	mends, other := Mends(bare, user)
	if diff := cmp.Diff([]string{want}, other); diff != "" || len(mends) > 0 {
		t.Errorf("it mends %v, and changes %s", mends, diff)
	}
	if diff := cmp.Diff([]string{want}, Reshapes(bare, user)); diff != "" {
		t.Error(diff)
	}
	if _, other := Mends(user, bare); len(other) != 1 {
		t.Errorf("to take it out again changes %q", other)
	}
}
