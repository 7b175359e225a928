package mapping

import (
	"context"
	"strings"
	"testing"

	"rehome/pkg/value"
)

// world is a mapping that fits two small catalogs.
const world = `name: m
users: {from: users, key: id}
waves: [{name: first, where: rank < 5}, {name: rest}]
tables:
  - into: app.users
    from: users
    user: id
    columns:
      id: {uuid: user, of: id}
      name: {sql: name, steps: [trim]}
      rank: rank
  - into: app.posts
    from: posts p LEFT JOIN countries c ON c.code = p.country
    joins: {countries: lookup}
    user: p.user_id
    unowned: migrate
    columns:
      id: {uuid: post, of: p.id}
      author_id: {uuid: user, of: p.user_id, missing: to_null}
      country: c.name
      source: {const: old}
  - into: app.tags
    from: tags
    key: id
    columns:
      name: name
      first_post: {uuid: post, of: post_id, missing: leave}
    ignore: {id: drawn anew}
    written_by_target: [id]
ignore: {sessions: worthless}
`

var (
	integer = value.LegacyType{Name: "INT", Length: 10}
	varchar = value.LegacyType{Name: "VARCHAR", Length: 40}
)

// legacyTable has its first column as primary key, and an index for each name in indexes.
func legacyTable(name string, columns []LegacyColumn, indexes ...string) LegacyTable {
	t := LegacyTable{Name: name, Engine: "InnoDB", Rows: 10, Columns: columns, PrimaryKey: []string{columns[0].Name}, Indexes: [][]string{{columns[0].Name}}}
	for _, index := range indexes {
		t.Indexes = append(t.Indexes, []string{index})
	}
	return t
}

func number(name string) LegacyColumn { return LegacyColumn{Name: name, Type: integer} }

func letters(name string) LegacyColumn {
	return LegacyColumn{Name: name, Type: varchar, Charset: "utf8mb4", Collation: "utf8mb4_general_ci"}
}

func legacyWorld() *LegacyCatalog {
	c := &LegacyCatalog{Server: "MariaDB", Tables: []LegacyTable{
		legacyTable("users", []LegacyColumn{number("id"), letters("name"), number("rank")}),
		legacyTable("posts", []LegacyColumn{number("id"), number("user_id"), letters("country")}, "user_id"),
		legacyTable("countries", []LegacyColumn{letters("code"), letters("name")}),
		legacyTable("tags", []LegacyColumn{number("id"), letters("name"), number("post_id")}),
		legacyTable("sessions", []LegacyColumn{letters("id")}),
	}}
	c.Resolve = &fakeResolver{catalog: c}
	return c
}

var (
	uuidType   = value.TargetType{OID: 2950, Name: "uuid", Kind: 'b', Typmod: -1}
	textType   = value.TargetType{OID: 25, Name: "text", Kind: 'b', Typmod: -1}
	int4Type   = value.TargetType{OID: 23, Name: "integer", Kind: 'b', Typmod: -1}
	bigintType = value.TargetType{OID: 20, Name: "bigint", Kind: 'b', Typmod: -1}
)

func targetTable(name string, columns ...TargetColumn) TargetTable {
	return TargetTable{Schema: "app", Name: name, Kind: 'r', Columns: columns,
		Uniques: []Unique{{Name: name + "_pkey", Columns: []string{columns[0].Name}, Primary: true}}}
}

func targetWorld() *TargetCatalog {
	c := &TargetCatalog{Server: "PostgreSQL", Tables: []TargetTable{
		targetTable("users", TargetColumn{Name: "id", Type: uuidType, NotNull: true}, TargetColumn{Name: "name", Type: textType, NotNull: true},
			TargetColumn{Name: "rank", Type: int4Type}),
		targetTable("posts", TargetColumn{Name: "id", Type: uuidType, NotNull: true}, TargetColumn{Name: "author_id", Type: uuidType},
			TargetColumn{Name: "country", Type: textType}, TargetColumn{Name: "source", Type: textType, NotNull: true},
			TargetColumn{Name: "seen", Type: int4Type, NotNull: true, Default: "0"}),
		targetTable("tags", TargetColumn{Name: "id", Type: bigintType, NotNull: true, Identity: 'd'}, TargetColumn{Name: "name", Type: textType, NotNull: true},
			TargetColumn{Name: "first_post", Type: uuidType}),
	}}
	c.Tables[1].ForeignKeys = []ForeignKey{{Name: "posts_author", Columns: []string{"author_id"}, References: "app.users", Targets: []string{"id"}}}
	c.Tables[2].Uniques = append(c.Tables[2].Uniques, Unique{Name: "tags_name_key", Columns: []string{"name"}})
	return c
}

// A fakeResolver knows columns, and takes every other expression for a text, or for what types says.
type fakeResolver struct {
	catalog *LegacyCatalog
	types   map[string]value.LegacyType
	down    error
	queries []string
}

func (f *fakeResolver) Resolve(_ context.Context, query string) (Resolved, error) {
	f.queries = append(f.queries, query)
	if f.down != nil {
		return Resolved{}, f.down
	}
	exprs, from := splitQuery(query)
	k := &compiler{file: &File{}, legacy: f.catalog}
	s := k.scope(Expr{SQL: from}, "")
	if len(k.faults) > 0 {
		return Resolved{}, &QueryFault{k.faults[0].Message}
	}
	var out Resolved
	for _, name := range Identifiers(from) {
		out.Mentioned = append(out.Mentioned, f.mention(s, name)...)
	}
	for _, sql := range exprs {
		if strings.Contains(sql, "forbidden") {
			return Resolved{}, &QueryFault{"forbidden stands here"}
		}
		typ, known := f.types[sql]
		if _, column := s.column(Expr{SQL: sql}); column != nil && !known {
			typ, known = column.Type, true
		}
		mentioned := 0
		for _, name := range Identifiers(sql) {
			refs := f.mention(s, name)
			mentioned += len(refs)
			out.Mentioned = append(out.Mentioned, refs...)
			if len(refs) == 0 && name.Table != "" {
				return Resolved{}, &QueryFault{"Unknown column '" + name.Table + "." + name.Name + "'"}
			}
		}
		if ids := Identifiers(sql); !known && len(ids) == 1 && mentioned == 0 && ids[0].Name == sql {
			return Resolved{}, &QueryFault{"Unknown column '" + sql + "'"}
		}
		if !known {
			typ = varchar
		}
		out.Types = append(out.Types, typ)
	}
	return out, nil
}

func (f *fakeResolver) mention(s *scope, name Ident) []LegacyColumnRef {
	for _, t := range s.tables {
		if c := t.Column(name.Name); c != nil && (name.Table == "" || strings.EqualFold(name.Table, t.name)) {
			return []LegacyColumnRef{{t.Name, c.Name}}
		}
	}
	return nil
}

// splitQuery takes SELECT a, (b) FROM c apart.
func splitQuery(query string) (exprs []string, from string) {
	tokens, _ := tokenize(query)
	start := len("SELECT ")
	for i := 1; i < len(tokens); i++ {
		switch t := tokens[i]; {
		case t.is("("):
			i = closing(tokens, i)
		case t.is(","), t.word("FROM"):
			expr := strings.TrimSpace(query[start:t.start])
			if strings.HasPrefix(expr, "(") {
				expr = strings.TrimSuffix(strings.TrimPrefix(expr, "("), ")")
			}
			exprs, start = append(exprs, expr), t.end
			if t.word("FROM") {
				return exprs, strings.TrimSpace(query[t.end:])
			}
		}
	}
	return exprs, ""
}

// edited replaces the first of each pair in src, where it stands exactly once, by the second.
func edited(t testing.TB, src string, edits ...string) string {
	t.Helper()
	for i := 0; i < len(edits); i += 2 {
		if strings.Count(src, edits[i]) != 1 {
			t.Fatalf("%q stands %d times in the mapping", edits[i], strings.Count(src, edits[i]))
		}
		src = strings.Replace(src, edits[i], edits[i+1], 1)
	}
	return src
}

// compiled compiles the edited world, which must fit.
func compiled(t testing.TB, edits ...string) *Compiled {
	t.Helper()
	c, warnings, err := Compile(t.Context(), parsed(t, edited(t, world, edits...)), legacyWorld(), targetWorld())
	if err != nil {
		t.Fatal(err)
	}
	if len(warnings) > 0 {
		t.Fatal(warnings)
	}
	return c
}
