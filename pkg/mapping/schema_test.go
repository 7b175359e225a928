package mapping

import (
	"bytes"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

var update = flag.Bool("update", false, "write schema.json anew")

func TestSchemaIsCommitted(t *testing.T) {
	if *update {
		if err := os.WriteFile("schema.json", Schema(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	committed, err := os.ReadFile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(committed, Schema()) {
		t.Error("schema.json is not what Schema says: run go generate in pkg/mapping")
	}
}

func compiledSchema(t testing.TB) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft7)
	if err := c.AddResource("migration.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("migration.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// validate judges a file as an editor does: with YAML's own idea of numbers and booleans.
func validate(t testing.TB, s *jsonschema.Schema, src string) error {
	t.Helper()
	asJSON, err := yaml.YAMLToJSON([]byte(src))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
	if err != nil {
		t.Fatal(err)
	}
	return s.Validate(doc)
}

func TestTheSchemaTakesWhatParseTakes(t *testing.T) {
	s := compiledSchema(t)
	for name, src := range map[string]string{"the sample": string(sample(t)), "everything": whole, "the least": small} {
		t.Run(name, func(t *testing.T) {
			parsed(t, src)
			if err := validate(t, s, src); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestTheSchemaTakesEveryStep(t *testing.T) {
	s := compiledSchema(t)
	for _, step := range []string{
		"trim", "collapse_spaces", "lower", "upper", "empty_to_null", "mojibake", "php", "hex", "base64", "{base64: lines}", "{base64: [url, unpadded]}",
		`{date: "%d.%m.%Y"}`, "{unix: ms}", "{unix: [s]}", "{json: $.a}", `{json: ['$."a b"[0]', to_null]}`, "{charset: [utf8, cp1252]}", "{charset: cp1252}", "{name: first}",
		`{dated: {by: b, before: 2019-03-01, then: [{date: "%Y-%m-%d"}], else: [trim, {dated: {by: c, before: "2020-01-01 12:00:00", else: [lower]}}]}}`,
	} {
		t.Run(step, func(t *testing.T) {
			src := small + "      col: {sql: a, steps: [" + step + "]}\n"
			parsed(t, src)
			if err := validate(t, s, src); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestTheSchemaRefusesWhatParseRefuses(t *testing.T) {
	s := compiledSchema(t)
	column := func(c string) string { return small + "      col: " + c + "\n" }
	for name, src := range map[string]string{
		"an unknown key":                   small + "size: 1\n",
		"a missing key":                    strings.Replace(small, "name: m\n", "", 1),
		"a name out of its alphabet":       strings.Replace(small, "name: m", "name: M", 1),
		"a wrong type":                     strings.Replace(small, "user: id", "user: {a: b}", 1),
		"user and key":                     strings.Replace(small, "user: id", "user: id\n    key: id", 1),
		"neither user nor key":             strings.Replace(small, "    user: id\n", "", 1),
		"a wrong word":                     strings.Replace(small, "user: id", "user: id\n    unowned: keep", 1),
		"a wrong word of a policy":         small + "too_long: clamp\n",
		"a share without a sign":           small + "stop: {quarantined: 5}\n",
		"no columns":                       strings.Replace(small, "\n      id: id", " {}", 1),
		"an empty list":                    strings.Replace(small, "user: id", "user: []", 1),
		"a null for a column":              column("~"),
		"a null for a constant":            column("{const: ~}"),
		"a null for if_null":               column("{sql: a, if_null: ~}"),
		"a null among values":              column("{sql: a, values: {1: ~}}"),
		"an unknown step":                  column("{sql: a, steps: [trimm]}"),
		"a step without its arguments":     column("{sql: a, steps: [date]}"),
		"a step with an unknown argument":  column("{sql: a, steps: [{unix: sec}]}"),
		"a step with too many arguments":   column("{sql: a, steps: [{unix: [s, s]}]}"),
		"dated without a date":             column("{sql: a, steps: [{dated: {by: b, then: [trim]}}]}"),
		"an unknown step in dated":         column("{sql: a, steps: [{dated: {by: b, before: '2019-03-01', then: [trimm]}}]}"),
		"two forms of a column":            column("{sql: a, const: b}"),
		"otherwise without values":         column("{sql: a, otherwise: keep}"),
		"a reference without its key":      column("{uuid: user}"),
		"a wrong word where it is missing": column("{uuid: user, of: a, missing: gone}"),
	} {
		t.Run(name, func(t *testing.T) {
			if _, faults := Parse("", []byte(src), nil); len(faults) == 0 {
				t.Error("Parse takes it")
			}
			if validate(t, s, src) == nil {
				t.Error("the schema takes it")
			}
		})
	}
}

func TestTheSchemaDescribesEveryKey(t *testing.T) {
	var look func(path string, s *schema)
	look = func(path string, s *schema) {
		if s == nil {
			return
		}
		for name, p := range s.Properties {
			if p.Description == "" {
				t.Errorf("%s.%s has no description", path, name)
			}
			look(path+"."+name, p)
		}
		look(path+"[]", s.Items)
		for _, form := range append(s.AnyOf, s.OneOf...) {
			look(path, form)
		}
		if free, ok := s.AdditionalProperties.(*schema); ok {
			look(path+".*", free)
		}
	}
	look("", fileShape.schema)
	look("step", stepDefinition)
}
