package mapping

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestExpressionsThatStand(t *testing.T) {
	for _, sql := range []string{
		"Id", "posts.Id", "`a``b`", "'it''s; -- # /* ?'", `'it\'s)'`, `"(;"`, "IF(a, 1, (2))", "a - -1", "doc->'$.a'", "1", "a * b / c",
		"CASE WHEN a = ';' THEN 1 ELSE 0 END", "EXISTS (SELECT 1 FROM b WHERE b.id = a.id)", "`it's`", `"it's"`, "N'é'",
	} {
		if s := checkExpr(sql, false); s != nil {
			t.Errorf("%s: %s", sql, s.message)
		}
	}
}

func TestExpressionsThatAreRefused(t *testing.T) {
	for _, test := range []struct{ sql, want string }{
		{"", "the expression is empty"},
		{" \n", "the expression is empty"},
		{"(a", "a ( is not closed"},
		{"a)", "a ) closes nothing"},
		{"1) OR (1", "a ) closes nothing"},
		{"'a", "a ' is not closed"},
		{`'a\'`, "a ' is not closed"},
		{`"a''`, `a " is not closed`},
		{"`a", "a ` is not closed"},
		{"`a\\`b`", "a ` is not closed"},
		{"a; DROP TABLE users", "a ; would end the statement"},
		{"a -- b", "it holds a comment"},
		{"a--b", "it holds a comment"},
		{"a # b", "it holds a comment"},
		{"a /* b */", "it holds a comment"},
		{"a /*! b */", "it holds a comment"},
		{`a \`, `a \ stands outside quotes`},
		{"a\x00", "it holds a NUL byte"},
		{"'a\x00'", "it holds a NUL byte"},
		{"a = ?", "a ? outside quotes is a placeholder"},
		{"a, b", "a comma makes two expressions of it"},
	} {
		t.Run(test.sql, func(t *testing.T) {
			s := checkExpr(test.sql, false)
			if s == nil || s.message != test.want {
				t.Errorf("got %v, want %s", s, test.want)
			}
		})
	}
}

func TestFromMayHoldCommas(t *testing.T) {
	if s := checkExpr("users u, profiles p", true); s != nil {
		t.Error(s.message)
	}
}

func TestARefusedExpressionIsAFaultAtItsPlace(t *testing.T) {
	src := strings.Replace(small, "from: users\n", "from: users; --\n", 1)
	_, faults := Parse("", []byte(src), nil)
	checkFaults(t, faults, []string{"5:11: tables[0].from: a ; would end the statement (put a ; of a text in quotes)"})
}

func TestIdentifiers(t *testing.T) {
	for _, test := range []struct {
		sql  string
		want []Ident
	}{
		{"Id", []Ident{{Name: "Id"}}},
		{"posts.Id", []Ident{{Table: "posts", Name: "Id"}}},
		{"old . `a``b` . c", []Ident{{Schema: "old", Table: "a`b", Name: "c"}}},
		{"`select`", []Ident{{Name: "select", Quoted: true}}},
		{"CONCAT(a, ' b ', \"c\", d) + IF (e, 1, 2.5e3)", []Ident{{Name: "a"}, {Name: "d"}, {Name: "e"}}},
		{"db.fn(a)", []Ident{{Name: "a"}}},
		{"a IS NULL", []Ident{{Name: "a"}, {Name: "IS"}, {Name: "NULL"}}},
		{"_utf8mb4'x' + N'y' + X'41' + a", []Ident{{Name: "a"}}},
		{"@x + @@sql_mode + a", []Ident{{Name: "a"}}},
		{"2fa_enabled + 1e5 + 0xFF + .5 + 1.5", []Ident{{Name: "2fa_enabled"}}},
		{"t.2fa + t.1", []Ident{{Table: "t", Name: "2fa"}, {Table: "t", Name: "1"}}},
		{"größe + naïve", []Ident{{Name: "größe"}, {Name: "naïve"}}},
		{"doc->'$.a'", []Ident{{Name: "doc"}}},
		{"1+a", []Ident{{Name: "a"}}},
		{"", nil},
	} {
		t.Run(test.sql, func(t *testing.T) {
			if diff := cmp.Diff(test.want, Identifiers(test.sql)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// FuzzExpression holds that an accepted expression leaves what follows it alone: tokens of "(EXPR), x" are those of EXPR
// between the parentheses, and the rest is what it was.
func FuzzExpression(f *testing.F) {
	for _, seed := range []string{"a", "'a''b'", `'\''`, "`a``b`", "f(a, 'x)')", "a--b", "1.e", "0x", "a.1b.c", "@a.b", "é'"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		Identifiers(sql)
		if checkExpr(sql, false) != nil {
			return
		}
		inside, _ := tokenize(sql)
		all, s := tokenize("(" + sql + ") , x")
		if s != nil {
			t.Fatalf("%q is accepted alone and refused in parentheses: %s", sql, s.message)
		}
		if len(all) != len(inside)+4 || !all[len(all)-3].is(")") || all[len(all)-1].text != "x" {
			t.Fatalf("%q changes what stands around it: %v", sql, all)
		}
		for i, in := range inside {
			if out := all[i+1]; out.text != in.text || out.kind != in.kind {
				t.Fatalf("%q: token %v becomes %v", sql, in, out)
			}
		}
	})
}
