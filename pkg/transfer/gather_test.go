package transfer

import (
	"context"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rehome/pkg/keyspace"
	"rehome/pkg/mapping"
	"rehome/pkg/shard"
	"rehome/pkg/value"
)

const gathers = `
name: small
legacy: {dsn: "mysql://h/db"}
target: {dsn: "postgres://h/db"}
users: {from: users, key: id}
tables:
  - into: app.users
    from: users
    user: id
    unowned: reject
    columns: {id: id, name: {sql: name, values: {a: a, b: b}}, boss: {uuid: user, of: boss_id}}
    gather: {from: meta, user: user_id, name: name, value: text, columns: {town: town}}
    ignore: {meta_id: drawn anew}
  - into: app.bosses
    from: bosses
    user: id
    columns: {id: {uuid: user, of: id}}
`

// compileGather compiles the mapping, in which unowned is as given.
func compileGather(t *testing.T, unowned mapping.Unowned) *mapping.Compiled {
	t.Helper()
	file, faults := mapping.Parse("small.yaml", []byte(gathers), func(string) (string, bool) { return "", false })
	if err := faults.Err(); err != nil {
		t.Fatal(err)
	}
	file.Tables[0].Unowned = unowned
	integer, varchar := value.LegacyType{Name: "INT"}, value.LegacyType{Name: "VARCHAR", Length: 50}
	table := func(name string, columns ...string) mapping.LegacyTable {
		out := mapping.LegacyTable{Name: name, PrimaryKey: columns[:1]}
		for _, c := range columns {
			typ := varchar
			if c == "id" || len(c) > 3 && c[len(c)-3:] == "_id" {
				typ = integer
			}
			out.Columns, out.Indexes = append(out.Columns, mapping.LegacyColumn{Name: c, Type: typ}), append(out.Indexes, []string{c})
		}
		return out
	}
	legacy := &mapping.LegacyCatalog{Resolve: answers{}, Tables: []mapping.LegacyTable{
		table("users", "id", "name", "boss_id"), table("meta", "meta_id", "user_id", "name", "text"), table("bosses", "id")}}
	bigint, text := value.TargetType{OID: 20, Name: "bigint", Kind: 'b', Typmod: -1}, value.TargetType{OID: 25, Name: "text", Kind: 'b', Typmod: -1}
	uuid := value.TargetType{OID: 2950, Name: "uuid", Kind: 'b', Typmod: -1}
	primary := []mapping.Unique{{Name: "pkey", Columns: []string{"id"}, Primary: true}}
	target := &mapping.TargetCatalog{Tables: []mapping.TargetTable{
		{Schema: "app", Name: "users", Kind: 'r', Uniques: primary, Columns: []mapping.TargetColumn{
			{Name: "id", Type: bigint, NotNull: true}, {Name: "name", Type: text}, {Name: "boss", Type: uuid}, {Name: "town", Type: text}}},
		{Schema: "app", Name: "bosses", Kind: 'r', Uniques: primary, Columns: []mapping.TargetColumn{{Name: "id", Type: uuid, NotNull: true}}},
	}}
	c, _, err := mapping.Compile(t.Context(), file, legacy, target)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A gatherer is a source of users with what the legacy edge says of their attributes.
type gatherer struct {
	legacy
	names      map[int]string           // of users who have not the name a
	boss       map[int]string           // the key of the boss of a user who has one that is not there
	attributes map[int]shard.Attributes // of users who have a row
	homeless   map[int][]string         // of users who have none: the keys of their attributes
	unowned    []string                 // attributes of nobody
	bosses     []int                    // users who have a row of app.bosses, one that cannot be migrated
}

func (g *gatherer) Units(ctx context.Context, s shard.Slice) (units []keyspace.Key, err error) {
	if s.Kind == shard.Unowned {
		for _, key := range g.unowned {
			units = append(units, keyspace.Key{key})
		}
		return units, nil
	}
	return g.legacy.Units(ctx, s)
}

func (g *gatherer) Counts(_ context.Context, entries []*mapping.RowPlan, s shard.Slice) (out []shard.Counted, err error) {
	for _, e := range entries {
		n, err := g.count(e, s)
		if err != nil {
			return nil, err
		}
		out = append(out, shard.Counted{Source: n})
	}
	return out, nil
}

func (g *gatherer) count(e *mapping.RowPlan, s shard.Slice) (n int64, err error) {
	err = g.each(e, s, func(r shard.Row) error { n++; return nil })
	if e.GatheredBy == nil || s.Kind == shard.Unowned {
		return n, err
	}
	for user, a := range g.attributes {
		if g.in(s, user) {
			n += a.Rows
		}
	}
	return n, err
}

func (g *gatherer) Rows(_ context.Context, e *mapping.RowPlan, s shard.Slice, yield func(shard.Row) error) error {
	return g.each(e, s, yield)
}

func (g *gatherer) each(e *mapping.RowPlan, s shard.Slice, yield func(shard.Row) error) error {
	var rows []shard.Row
	if s.Kind == shard.Unowned {
		for _, key := range g.unowned {
			rows = append(rows, shard.Row{Unit: keyspace.Key{key}.Canonical(), Key: keyspace.Key{key}})
		}
	}
	for _, user := range g.users {
		key := strconv.Itoa(user)
		lost, homeless := g.homeless[user]
		switch {
		case s.Kind == shard.Unowned || !g.in(s, user):
		case e.Into == "app.bosses":
			if slices.Contains(g.bosses, user) {
				rows = append(rows, shard.Row{Unit: []byte(key), Key: keyspace.Key{key}, Cells: []value.Cell{nil}})
			}
		case e.GatheredBy != nil:
			for _, meta := range lost {
				rows = append(rows, shard.Row{Unit: []byte(key), Key: keyspace.Key{meta}})
			}
		case !homeless:
			row := shard.Row{Unit: []byte(key), Key: keyspace.Key{key}, Attributes: g.attributes[user]}
			row.Cells = []value.Cell{value.Cell(key), value.Cell("a"), nil, nil, value.Cell("Ulm")}
			if name, other := g.names[user]; other {
				row.Cells[1] = value.Cell(name)
			}
			if boss, has := g.boss[user]; has {
				row.Cells[2] = value.Cell(boss)
			}
			rows = append(rows, row)
		}
	}
	for _, row := range rows {
		if err := yield(row); err != nil {
			return err
		}
	}
	return nil
}

func TestAttributesShareTheFateOfTheirRow(t *testing.T) {
	type counts struct{ Source, Gathered, SetAside, LeftOut int64 }
	five := shard.Attributes{Rows: 5, Gathered: 3, LeftOut: 2}
	for name, test := range map[string]struct {
		change      func(*gatherer)
		unowned     mapping.Unowned
		want        counts // of the attributes
		quarantined []string
		refusals    []shard.Refusal
	}{
		"the row is written": {want: counts{20, 12, 0, 8}},
		"a user without attributes": {
			change: func(g *gatherer) { delete(g.attributes, 2) }, want: counts{15, 9, 0, 6},
		},
		"a value of the row is refused": {
			change: func(g *gatherer) { g.names = map[int]string{2: "c"} }, want: counts{20, 9, 5, 6}, quarantined: []string{"2"},
			refusals: []shard.Refusal{{Unit: 1, Entry: 0, LegacyKey: keyspace.Key{"2"}.Marshal(), Cause: "values:app.users.name"}},
		},
		"an attribute cannot be gathered": {
			change: func(g *gatherer) {
				g.attributes[3] = shard.Attributes{Rows: 5, Gathered: 1, LeftOut: 2, Cause: "gather:app.users", Key: keyspace.Key{"33"}}
			}, want: counts{20, 9, 5, 6}, quarantined: []string{"3"},
			refusals: []shard.Refusal{{Unit: 2, Entry: 2, LegacyKey: keyspace.Key{"33"}.Marshal(), Cause: "gather:app.users"}},
		},
		"the row waits": {
			change: func(g *gatherer) { g.boss = map[int]string{2: "77"} }, want: counts{20, 9, 5, 6},
		},
		"a row of another table is refused": {
			change: func(g *gatherer) { g.bosses = []int{2} }, want: counts{20, 9, 5, 6}, quarantined: []string{"2"},
			refusals: []shard.Refusal{{Unit: 1, Entry: 1, LegacyKey: keyspace.Key{"2"}.Marshal(), Cause: "not_null:app.bosses.id"}},
		},
		"the only user of a shard is refused, and is looked at to the end": {
			change: func(g *gatherer) {
				g.users, g.bosses, g.names = []int{2}, []int{2}, map[int]string{2: "c"}
				g.attributes = map[int]shard.Attributes{2: five}
			}, want: counts{5, 0, 5, 0}, quarantined: []string{"2"},
			refusals: []shard.Refusal{{Entry: 0, LegacyKey: keyspace.Key{"2"}.Marshal(), Cause: "values:app.users.name"},
				{Entry: 1, LegacyKey: keyspace.Key{"2"}.Marshal(), Cause: "not_null:app.bosses.id"}},
		},
		"there is no row": {
			change: func(g *gatherer) { delete(g.attributes, 4); g.homeless = map[int][]string{4: {"41", "42"}} }, want: counts{17, 9, 2, 6}, quarantined: []string{"4"},
			refusals: []shard.Refusal{{Unit: 3, Entry: 2, LegacyKey: keyspace.Key{"41"}.Marshal(), Cause: "gather:app.users"},
				{Unit: 3, Entry: 2, LegacyKey: keyspace.Key{"42"}.Marshal(), Cause: "gather:app.users"}},
		},
		"there is no row, and who has none is left": {unowned: mapping.UnownedLeave,
			change: func(g *gatherer) { delete(g.attributes, 4); g.homeless = map[int][]string{4: {"41", "42"}} }, want: counts{17, 9, 0, 8},
		},
		"several users at once": {
			change: func(g *gatherer) {
				g.names, g.boss = map[int]string{1: "c"}, map[int]string{2: "77"}
				g.attributes[3] = shard.Attributes{Rows: 1, Cause: "gather:app.users.town", Key: keyspace.Key{"33"}}
			}, want: counts{16, 3, 11, 2}, quarantined: []string{"1", "3"},
			refusals: []shard.Refusal{{Unit: 0, Entry: 0, LegacyKey: keyspace.Key{"1"}.Marshal(), Cause: "values:app.users.name"},
				{Unit: 2, Entry: 2, LegacyKey: keyspace.Key{"33"}.Marshal(), Cause: "gather:app.users.town"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := &gatherer{legacy: legacy{users: []int{1, 2, 3, 4}}, attributes: map[int]shard.Attributes{1: five, 2: five, 3: five, 4: five}}
			if test.change != nil {
				test.change(g)
			}
			if test.unowned == "" {
				test.unowned = mapping.UnownedReject
			}
			f := newFixture(0)
			m := Mover{Mapping: compileGather(t, test.unowned)}
			r, err := m.Move(t.Context(), users(), 1, g, f.target, f.book)
			if err != nil {
				t.Fatal(err)
			}
			sums(t, r)
			got := counts{r.Tables[2].Source, r.Tables[2].Gathered, r.Tables[2].SetAside, r.Tables[2].LeftOut}
			if diff := cmp.Diff(test.want, got); diff != "" || r.Tables[2].Entry != 2 {
				t.Error(diff)
			}
			if diff := cmp.Diff(test.quarantined, f.quarantined()); diff != "" {
				t.Error(diff)
			}
			slices.SortStableFunc(f.book.outcome.Refusals, func(a, b shard.Refusal) int { return int(a.Unit - b.Unit) })
			if diff := cmp.Diff(test.refusals, f.book.outcome.Refusals); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAttributesOfNobody(t *testing.T) {
	for unowned, aside := range map[mapping.Unowned]int64{mapping.UnownedReject: 2, mapping.UnownedLeave: 0} {
		f, g := newFixture(0), &gatherer{unowned: []string{"5", "6"}}
		m := Mover{Mapping: compileGather(t, unowned)}
		r, err := m.Move(t.Context(), &shard.Shard{ID: users().ID, Kind: shard.Unowned, Entry: 2}, 1, g, f.target, f.book)
		if err != nil {
			t.Fatal(err)
		}
		sums(t, r)
		if got := r.Tables[0]; len(r.Tables) != 1 || got.Entry != 2 || got.SetAside != aside || got.LeftOut != 2-aside {
			t.Errorf("%s: %+v", unowned, got)
		}
		if aside > 0 && f.book.outcome.Refusals[0].Cause != "unowned:app.users" {
			t.Errorf("got %+v", f.book.outcome.Refusals)
		}
	}
}
