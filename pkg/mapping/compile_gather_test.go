package mapping

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rehome/pkg/value"
)

const gatherMeta = `    gather:
      from: meta m
      user: m.user_id
      name: m.name
      value: m.value
      columns: {town: town, size: {of: size, values: {S: 1, L: 2}}}
      keep: {into: settings, like: ["wp\\_%", color]}
      leave: {token: worthless}
    ignore: {meta_id: drawn anew}
`

// gatherInto are the edits by which the world's users gather.
func gatherInto(edits ...string) []string {
	meta := gatherMeta
	for i := 0; i < len(edits); i += 2 {
		meta = strings.Replace(meta, edits[i], edits[i+1], 1)
	}
	return []string{"    user: id\n", "    user: id\n" + meta}
}

func withMeta(c *LegacyCatalog) {
	c.Tables = append(c.Tables, legacyTable("meta", []LegacyColumn{number("meta_id"), number("user_id"), letters("name"),
		{Name: "value", Type: value.LegacyType{Name: "LONGTEXT", Nullable: true}}}, "user_id"))
}

var documentType = value.TargetType{OID: 3802, Name: "jsonb", Kind: 'b', Typmod: -1}

func withSettings(c *TargetCatalog) {
	users := c.Table("app.users")
	users.Columns = append(users.Columns, TargetColumn{Name: "town", Type: textType}, TargetColumn{Name: "size", Type: int4Type},
		TargetColumn{Name: "settings", Type: documentType, NotNull: true})
}

func TestFaultsOfAGather(t *testing.T) {
	and := func(first func(*LegacyCatalog), then func(*LegacyTable)) func(*LegacyCatalog) {
		return func(c *LegacyCatalog) { first(c); then(c.Table("meta")) }
	}
	target := func(then func(*TargetTable)) func(*TargetCatalog) {
		return func(c *TargetCatalog) { withSettings(c); then(c.Table("app.users")) }
	}
	misfits := []misfit{
		{name: "it fits", edits: gatherInto()},
		{name: "an unknown attribute table", edits: gatherInto("meta m", "mta m"),
			want: `9:13: tables[0].gather.from: the legacy database has no table mta (did you mean meta?)`},
		{name: "a join", edits: gatherInto("meta m", "meta m JOIN users u ON u.id = m.user_id"),
			want: `9:13: tables[0].gather.from: attributes are gathered from one table, and this is a join (write the attribute table alone)`},
		{name: "an attribute table without a primary key", legacy: and(withMeta, func(m *LegacyTable) { m.PrimaryKey = nil }), edits: gatherInto(),
			want: `9:13: tables[0].gather.from: meta has no primary key, and rehome names each row by it (add a primary key, or copy the table into one that has a key)`},
		{name: "each refused expression has its place", edits: gatherInto("m.name", "m.nam", "m.value", "m.val"),
			want: `11:13: tables[0].gather.name: the legacy server refuses "m.nam": Unknown column 'm.nam'
12:14: tables[0].gather.value: the legacy server refuses "m.val": Unknown column 'm.val'`},
		{name: "a user of another kind", edits: gatherInto("m.user_id", "m.name"),
			want: `5:5: tables[0].ignore: no expression mentions column user_id of the legacy table meta (feed a column from it, or write ignore: {user_id: why})
10:13: tables[0].gather.user: it is of type VARCHAR, and users.key is integer: comparing them would be slow or wrong (cast it to the kind of users.key)`},
		{name: "a user without an index", legacy: and(withMeta, func(m *LegacyTable) { m.Indexes, m.Rows = nil, 200_000 }), edits: gatherInto(),
			want: `10:13: tables[0].gather.user: "m.user_id" has no index, so that each of about 10 shards would scan the 200000 rows of meta (add an index, or write scan: accepted)`},
		{name: "a name that is no text", edits: gatherInto("name: m.name", "name: m.meta_id", "{meta_id:", "{name:"),
			want: `11:13: tables[0].gather.name: it is of type INT, and an attribute's name is a text (write CONVERT(COLUMN USING utf8mb4), or CAST(COLUMN AS CHAR))`},
		{name: "a name that is bytes", legacy: and(withMeta, func(m *LegacyTable) { m.Column("name").Type.Binary = true }), edits: gatherInto(),
			want: `11:13: tables[0].gather.name: it is of type VARCHAR, and an attribute's name is a text (write CONVERT(COLUMN USING utf8mb4), or CAST(COLUMN AS CHAR))`},
		{name: "a column of the target that is not there", edits: gatherInto("{town: town", "{twn: town"),
			want: `13:17: tables[0].gather.columns.twn: app.users has no column twn (did you mean town?)`},
		{name: "a column that is fed twice", edits: gatherInto("{town: town", "{name: town"),
			want: `13:17: tables[0].gather.columns.name: column name is fed twice by this entry (take it out of one of the two)`},
		{name: "a generated column", target: target(func(u *TargetTable) { u.Column("town").Generated = true }), edits: gatherInto(),
			want: `13:17: tables[0].gather.columns.town: town of app.users is generated always by the target (take it out)`},
		{name: "a conversion that does not exist", edits: gatherInto("{of: size, values: {S: 1, L: 2}}", "{of: size}"),
			want: `13:29: tables[0].gather.columns.size: LONGTEXT does not become integer by itself: write sql: CAST(COLUMN AS SIGNED), or write values: {OLD: NEW} for each value`},
		{name: "attributes that are kept in a text", target: target(func(u *TargetTable) { u.Column("settings").Type = textType }), edits: gatherInto(),
			want: `14:20: tables[0].gather.keep.into: it is of type text, and several values make a document (make the target column a jsonb)`},
		{name: "a list in a text", edits: gatherInto("leave:", "many: array\n      leave:", "size: {of: size, values: {S: 1, L: 2}}", "size: size"),
			want: `13:17: tables[0].gather.columns.town: it is of type text, and several values make a document (make the target column a jsonb)
13:29: tables[0].gather.columns.size: it is of type integer, and several values make a document (make the target column a jsonb)`},
		{name: "bytes that are kept", legacy: and(withMeta, func(m *LegacyTable) {
			m.Column("value").Type = value.LegacyType{Name: "BLOB", Binary: true}
		}), edits: gatherInto("town: town, ", ""), want: `14:20: tables[0].gather.keep.into: BLOB does not become text by itself: write sql: CONVERT(COLUMN USING utf8mb4), or say what its bytes are with bad_text`},
		{name: "an attribute that is fed and left", edits: gatherInto("{token:", "{town:"),
			want: `15:15: tables[0].gather.leave.town: attribute "town" feeds a column, and is left where it is (take it out of one of the two)`},
		{name: "a legacy column that nothing mentions", edits: gatherInto("    ignore: {meta_id: drawn anew}\n", ""),
			want: `5:5: tables[0].ignore: no expression mentions column meta_id of the legacy table meta (feed a column from it, or write ignore: {meta_id: why})`},
		{name: "an ignored column of neither table", edits: gatherInto("{meta_id:", "{meta_id: anew, nme:"),
			want: `16:29: tables[0].ignore.nme: users has no column nme (did you mean name?)`},
		{name: "an attribute table that is ignored too", edits: append(gatherInto(), "{sessions: worthless}", "{sessions: worthless, meta: why}"),
			want: `39:31: ignore.meta: tables[0].gather reads the legacy table meta (take it out of ignore)`},
		{name: "a column that nothing feeds and cannot be NULL", edits: gatherInto(`      keep: {into: settings, like: ["wp\\_%", color]}`+"\n", ""),
			want: `5:5: tables[0].columns: nothing feeds column settings of app.users, which is NOT NULL without a default (feed it)`},
		{name: "an entry that migrates rows of no user", edits: gatherInto("    gather:\n", "    unowned: migrate\n    gather:\n"),
			want: `10:7: tables[0].gather: rows of no user are migrated by this entry, and nobody's attributes could go to them (write unowned: reject or leave)`},
		{name: "an entry whose join drops rows", edits: append(gatherInto("    gather:\n", "    joins: {posts: lookup}\n    gather:\n"), "    from: users\n", "    from: users JOIN posts ON posts.id = users.id\n",
			"    user: id\n", "    user: users.id\n", "of: id}\n      name: {sql: name", "of: users.id}\n      name: {sql: name"),
			want: `6:11: tables[0].from: the join may drop a row, and the attributes of its user would have nowhere to go (write LEFT JOIN, and in where which rows are wanted)`},
		{name: "an entry of several rows for a user", edits: gatherInto("    gather:\n", "    many: true\n    gather:\n"),
			want: `10:7: tables[0].gather: this entry makes several rows of one, and attributes go to one row (take many out, or gather in another entry)`},
		{name: "an entry that has another primary key", legacy: func(c *LegacyCatalog) {
			withMeta(c)
			c.Table("users").PrimaryKey = []string{"id", "rank"}
		}, edits: gatherInto(),
			want: `9:7: tables[0].gather: the primary key of users is id, rank, and not the entry's user: a user may have several rows of it, and attributes go to one (gather in an entry whose user is the primary key of its table, or give the attribute table an entry of its own)`},
		{name: "an entry with a user that is computed", edits: append(gatherInto(), "    user: id\n", "    user: id + 0\n"), legacy: func(c *LegacyCatalog) {
			withMeta(c)
			resolver(c).types = map[string]value.LegacyType{"id + 0": integer}
		}, want: `9:7: tables[0].gather: the primary key of users is id, and not the entry's user: a user may have several rows of it, and attributes go to one (gather in an entry whose user is the primary key of its table, or give the attribute table an entry of its own)`,
			warned: `7:11: tables[0].user: "id + 0" has no index: each shard scans the 10 rows of users (add an index)`},
		{name: "an entry of nobody", edits: []string{"    key: id\n", "    key: id\n" + strings.Replace(gatherMeta, "    ignore: {meta_id: drawn anew}\n", "", 1), "{id: drawn anew}", "{id: drawn anew, meta_id: drawn anew}"},
			target: func(c *TargetCatalog) { withSettings(c); c.Table("app.users").Column("settings").Default = "'{}'" },
			want:   `26:7: tables[2].gather: the rows of this entry belong to no user, and attributes are a user's (write user in place of key, or take gather out)`},
	}
	for i := range misfits {
		if misfits[i].legacy == nil {
			misfits[i].legacy = withMeta
		}
		if misfits[i].target == nil {
			misfits[i].target = withSettings
		}
	}
	runAll(t, misfits)
}

// gathers compiles the world with a gather.
func gathers(t testing.TB, edits ...string) *Compiled {
	t.Helper()
	from, to := legacyWorld(), targetWorld()
	withMeta(from)
	withSettings(to)
	c, _, err := Compile(t.Context(), parsed(t, edited(t, world, gatherInto(edits...)...)), from, to)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAnAttributeTableIsARowSourceBehindTheTables(t *testing.T) {
	c := gathers(t)
	if len(c.Plans) != 4 {
		t.Fatalf("got %d plans", len(c.Plans))
	}
	users, meta := c.Plans[0], c.Plans[3]
	if users.Gather.Plan != meta || meta.GatheredBy != users || users.Gather.Name != "m.name" || users.Gather.Value != "m.value" {
		t.Errorf("got %+v", users.Gather)
	}
	type source struct {
		Ordinal                                  int
		Into, From, Source, SourceName, User, At string
		Columns, Select                          int
		Unowned                                  Unowned
	}
	want := source{3, "app.users", "meta m", "meta", "m", "m.user_id", "`m`.`meta_id`", 0, 0, UnownedReject}
	got := source{meta.Ordinal, meta.Into, meta.From, meta.Source, meta.SourceName, meta.User, strings.Join(meta.SourceKey, ","), len(meta.Columns), len(meta.Select), meta.Unowned}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if users.Filters() || meta.Filters() {
		t.Error("nothing is left out by a condition")
	}
	users.Where = "rank > 1"
	if !users.Filters() || !meta.Filters() {
		t.Error("the condition of the users leaves their attributes out too")
	}
}

func TestAnAttributeNamesNoOwner(t *testing.T) {
	users := gathers(t).Plans[0]
	if at := users.OwnerColumn(); at != 0 {
		t.Errorf("column %d names the user", at)
	}
	if users.User = "other"; users.OwnerColumn() != -1 {
		t.Error("an attribute names the user")
	}
}
