package mapping

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// withoutPos compares what is said and not where.
var withoutPos = cmp.Options{cmpopts.IgnoreTypes(Pos{}), cmpopts.EquateEmpty()}

func environment(pairs map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		v, ok := pairs[name]
		return v, ok
	}
}

func sample(t testing.TB) []byte {
	t.Helper()
	src, err := os.ReadFile(filepath.Join("testdata", "parse", "community.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return src
}

func word(text string) Word { return Word{Text: text} }

func sql(expr string) *SQLColumn { return &SQLColumn{Expr: Expr{SQL: expr}} }

func expressions(sql ...string) []Expr {
	out := make([]Expr, 0, len(sql))
	for _, s := range sql {
		out = append(out, Expr{SQL: s})
	}
	return out
}

func community() *File {
	user := func(of string, missing Missing) *UUID {
		return &UUID{Entity: word("user"), Of: expressions(of), Missing: missing}
	}
	post := func(of string) *UUID {
		return &UUID{Entity: word("post"), Of: expressions(of), Missing: MissingWait}
	}
	return &File{
		Source: "migration.yaml", Name: word("community"), Namespace: word("community"),
		Legacy: Legacy{DSN: DSN{raw: "${LEGACY_DSN}", value: "mysql://root:secret@old/db"}, TimeZone: word("UTC")},
		Target: Target{DSN: DSN{raw: "${TARGET_DSN}", Unset: []string{"TARGET_DSN"}}},
		Users:  Users{From: Expr{SQL: "users"}, Key: expressions("Id"), ShardRows: 20000},
		Waves: []Wave{
			{Name: word("casual"), Where: &Expr{SQL: "Reputation < 100"}},
			{Name: word("regulars")},
		},
		Tables: []Entry{
			{
				Into: word("app.users"), From: Expr{SQL: "users"}, User: expressions("Id"), Unowned: UnownedReject,
				Columns: []Column{
					{Name: "id", UUID: user("Id", MissingWait)},
					{Name: "legacy_id", SQL: sql("Id")},
					{Name: "name", SQL: &SQLColumn{Expr: Expr{SQL: "DisplayName"}, Rules: Rules{IfNull: &Word{Text: "(no name)"}}}},
					{Name: "reputation", SQL: sql("Reputation")},
					{Name: "joined_at", SQL: sql("CreationDate")},
					{Name: "homepage", SQL: &SQLColumn{Expr: Expr{SQL: "WebsiteUrl"}, Rules: Rules{Steps: []Step{{Name: "trim"}, {Name: "empty_to_null"}}}}},
				},
				Ignore: []Reason{{Name: "Age", Why: "empty since 2017"}},
			},
			{
				Into: word("app.posts"), From: Expr{SQL: "posts"}, User: expressions("OwnerUserId"), Unowned: UnownedMigrate,
				Columns: []Column{
					{Name: "id", UUID: post("Id")},
					{Name: "author_id", UUID: user("OwnerUserId", MissingToNull)},
					{Name: "parent_id", UUID: post("ParentId")},
					{Name: "body", SQL: sql("Body")},
					{Name: "created_at", SQL: sql("CreationDate")},
					{Name: "kind", SQL: &SQLColumn{Expr: Expr{SQL: "PostTypeId"}, Rules: Rules{
						Values:    []Value{{From: "1", To: "question"}, {From: "2", To: "answer"}},
						Otherwise: Otherwise{Do: OtherwiseReject},
					}}},
				},
			},
			{
				Into: word("app.tags"), From: Expr{SQL: "tags"}, Key: expressions("Id"), Unowned: UnownedReject,
				Columns:         []Column{{Name: "name", SQL: sql("TagName")}},
				Ignore:          []Reason{{Name: "Id", Why: "the target draws its own"}},
				WrittenByTarget: []Word{word("id")},
			},
		},
		Ignore:      []Reason{{Name: "schema_migrations", Why: "not the users'"}},
		Stop:        Stop{Quarantined: 5},
		MaxRowBytes: 64 << 20,
	}
}

func TestParseReadsTheSample(t *testing.T) {
	env := environment(map[string]string{"LEGACY_DSN": "mysql://root:secret@old/db"})
	got, faults := Parse("migration.yaml", sample(t), env)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	// The DSNs are compared by what they are, since a DSN's Equal looks at its place too.
	got.Legacy.DSN.Pos, got.Target.DSN.Pos = Pos{}, Pos{}
	if diff := cmp.Diff(community(), got, withoutPos); diff != "" {
		t.Error(diff)
	}
}

func TestParseKeepsPositions(t *testing.T) {
	f, faults := Parse("migration.yaml", sample(t), nil)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	kind := f.Tables[1].Columns[5]
	for _, test := range []struct {
		what string
		got  Pos
		want string // the line's text from that column on
	}{
		{"an entry is at its first key", f.Tables[1].Pos, "into: app.posts"},
		{"a name is at its value", f.Tables[1].Into.Pos, "app.posts"},
		{"a column is at its key", kind.Pos, "kind: "},
		{"an expression is at its text", kind.SQL.Expr.Pos, "PostTypeId,"},
		{"a value is at its key", kind.SQL.Values[1].Pos, "2: answer"},
		{"a step is at its name", f.Tables[0].Columns[5].SQL.Steps[1].Pos, "empty_to_null]"},
		{"a reference is at its map", f.Tables[1].Columns[1].UUID.Pos, "{uuid: user, of: OwnerUserId"},
		{"an ignored column is at its key", f.Tables[0].Ignore[0].Pos, "Age: empty"},
		{"a wave is at its first key", f.Waves[1].Pos, "name: regulars"},
		{"a condition is at its text", f.Waves[0].Where.Pos, "Reputation < 100 "},
		{"a dsn is at its text", f.Legacy.DSN.Pos, "${LEGACY_DSN}"},
		{"a column that the target writes is at its name", f.Tables[2].WrittenByTarget[0].Pos, "id]"},
	} {
		t.Run(test.what, func(t *testing.T) {
			lines := strings.Split(string(sample(t)), "\n")
			if test.got.Line < 1 || test.got.Line > len(lines) || test.got.Col < 1 {
				t.Fatalf("position is %v", test.got)
			}
			if got := lines[test.got.Line-1][test.got.Col-1:]; !strings.HasPrefix(got, test.want) {
				t.Errorf("%v is %q, want %q", test.got, got, test.want)
			}
		})
	}
}

func TestDefaultsAreFilledIn(t *testing.T) {
	f := parsed(t, small+"      col: {sql: a, values: {1: x}}\n      ref: {uuid: user, of: a}\nnul_byte: {to: \"\"}\n")
	for name, same := range map[string]bool{
		"the namespace is the name":              f.Namespace.Text == "m",
		"one wave takes all":                     cmp.Equal(f.Waves, []Wave{{Name: word(DefaultWave)}}),
		"a shard has 20,000 rows":                f.Users.ShardRows == 20_000,
		"a row has 64 MiB":                       f.MaxRowBytes == 64<<20,
		"5 per cent may be quarantined":          f.Stop.Quarantined == 5,
		"rows without a user are rejected":       f.Tables[0].Unowned == UnownedReject,
		"values that are not named are rejected": f.Tables[0].Columns[1].SQL.Otherwise.Do == OtherwiseReject,
		"a reference waits":                      f.Tables[0].Columns[2].UUID.Missing == MissingWait,
	} {
		if !same {
			t.Errorf("not so: %s", name)
		}
	}
}

func TestANarrowerPolicyHolds(t *testing.T) {
	file := Policies{ZeroDate: Policy{Do: PolicyToNull}, TooLong: Policy{Do: PolicyTruncate}, KeepOriginals: new(true)}
	column := Policies{ZeroDate: Policy{Do: PolicyTo, To: "1970-01-01"}, KeepOriginals: new(false)}
	want := Policies{ZeroDate: column.ZeroDate, TooLong: file.TooLong, KeepOriginals: new(false)}
	if diff := cmp.Diff(want, column.Or(Policies{}).Or(file)); diff != "" {
		t.Error(diff)
	}
}

func TestParseReadsGates(t *testing.T) {
	f := parsed(t, small+"waves: [{name: a, where: x, gate: {quarantined: 0.5%}}, {name: b, where: y}, {name: c}]\n")
	if g := f.Waves[0].Gate; g == nil || g.Quarantined != 0.5 || g.Pos != (Pos{9, 35}) {
		t.Errorf("the first gate is %+v", g)
	}
	if f.Waves[1].Gate != nil || f.Waves[2].Gate != nil {
		t.Error("a gate that the file does not say is there")
	}
}
