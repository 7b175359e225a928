package preflight

import (
	"regexp"
	"testing"

	"rehome/pkg/mapping"
	"rehome/pkg/value"
)

func TestTheFixOfAValueThatAStepRefuses(t *testing.T) {
	f := fixing{account: &account{}, fed: &feeding{sql: "meta", Rules: mapping.Rules{Steps: []mapping.Step{{Name: "php"}, {Name: "json", Args: []string{`$.a."b"`}}}}}}
	for kind, want := range map[string]string{
		"json_path": `write the step {json: ["$.a.\"b\"", to_null]}`,
		"charset":   "write the step {charset: [utf8, cp1252]}",
		"dated":     "write a date in place of the one that is not there in by: COALESCE(EXPR, '1970-01-01')",
		"hex":       "write sql: IF(meta REGEXP '^([0-9A-Fa-f]{2})*$', meta, NULL)",
	} {
		f.kind = kind
		if got := f.fix(); got != want {
			t.Errorf("%s: %s", kind, got)
		}
	}
}

func TestTheFixOfAValueThatThePatternOfItsStepLetsThrough(t *testing.T) {
	a := &account{rows: 6, values: map[string]int64{`a:1:{s:9:"cut`: 6}, samples: []string{"44", "45"}}
	plan := &mapping.RowPlan{SourceKey: []string{"ID"}}
	f := fixing{account: a, plan: plan, entry: &mapping.Entry{}, fed: &feeding{sql: "roles"}, kind: "php"}
	if got, want := f.fix(), `mend the data, or write sql: "IF(ID IN (44, 45, …), NULL, roles)"`; got != want {
		t.Error(got)
	}
	a.rows, f.fed = 2, &feeding{of: "wp_roles"}
	f.entry.Gather = &mapping.Gather{User: []mapping.Expr{{SQL: "user_id"}}, Name: mapping.Expr{SQL: "k"}, Value: mapping.Expr{SQL: "v"}}
	if got, want := f.fix(), `mend the data, or write under gather value: "IF(user_id IN (44, 45) AND k = 'wp_roles', NULL, v)"`; got != want {
		t.Error(got)
	}
}

func TestTheFixKeepsWhatAStepTakes(t *testing.T) {
	for _, test := range []struct {
		step     value.Step
		in       string
		overlook bool // they differ: a pattern cannot count, and takes no number that is written oddly
	}{
		{value.Step{Name: "php"}, "a:0:{}", false}, {value.Step{Name: "php"}, "N;", false}, {value.Step{Name: "php"}, "subscriber", false}, {value.Step{Name: "php"}, "s:1:x", true},
		{value.Step{Name: "php"}, "", false}, {value.Step{Name: "php"}, "i:5;", false},
		{value.Step{Name: "hex"}, "00fF", false}, {value.Step{Name: "hex"}, "0", false}, {value.Step{Name: "hex"}, "", false}, {value.Step{Name: "hex"}, "0g", false},
		{value.Step{Name: "base64"}, "AA==", false}, {value.Step{Name: "base64"}, "AAA=", false}, {value.Step{Name: "base64"}, "AA", false}, {value.Step{Name: "base64"}, "A===", false},
		{value.Step{Name: "unix", Args: []string{"s"}}, "-1.5", false}, {value.Step{Name: "unix", Args: []string{"s"}}, "1.", true}, {value.Step{Name: "unix", Args: []string{"s"}}, "x", false},
		{value.Step{Name: "name", Args: []string{"last"}}, "Ada King", false}, {value.Step{Name: "name", Args: []string{"last"}}, "King, Ada", false},
		{value.Step{Name: "name", Args: []string{"last"}}, "a,b,c", false}, {value.Step{Name: "name", Args: []string{"last"}}, " ", false}, {value.Step{Name: "name", Args: []string{"last"}}, "King,", false},
	} {
		to := value.TargetType{Name: "text", Kind: 'b', Typmod: -1}
		if test.step.Name == "hex" || test.step.Name == "base64" {
			to.Name = "bytea"
		}
		p, err := value.Compile(value.LegacyType{Name: "VARCHAR"}, to, value.Rules{Steps: []value.Step{test.step}})
		if err != nil {
			t.Fatal(err)
		}
		_, _, _, fault := p.Append(nil, value.Cell(test.in))
		if met := regexp.MustCompile(patterns[test.step.Name]).MatchString(test.in); met != (fault == "") && !test.overlook {
			t.Errorf("%s of %q: the pattern says %v, the step %q", test.step.Name, test.in, met, fault)
		}
	}
}
