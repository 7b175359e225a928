package mapping

import (
	"bytes"
	"encoding/json"
)

// schema is a node of a JSON Schema, draft-07, with the keywords that migration.yaml needs.
type schema struct {
	Schema               string              `json:"$schema,omitempty"`
	Ref                  string              `json:"$ref,omitempty"`
	Title                string              `json:"title,omitempty"`
	Description          string              `json:"description,omitempty"`
	Type                 any                 `json:"type,omitempty"` // a name, or a list of names
	Enum                 []string            `json:"enum,omitempty"`
	Pattern              string              `json:"pattern,omitempty"`
	MinLength            int                 `json:"minLength,omitempty"`
	Minimum              *int                `json:"minimum,omitempty"`
	Items                *schema             `json:"items,omitempty"`
	MinItems             int                 `json:"minItems,omitempty"`
	MaxItems             int                 `json:"maxItems,omitempty"`
	Properties           map[string]*schema  `json:"properties,omitempty"`
	MinProperties        int                 `json:"minProperties,omitempty"`
	Required             []string            `json:"required,omitempty"`
	Dependencies         map[string][]string `json:"dependencies,omitempty"`
	AdditionalProperties any                 `json:"additionalProperties,omitempty"` // false, or a *schema
	AnyOf                []*schema           `json:"anyOf,omitempty"`
	OneOf                []*schema           `json:"oneOf,omitempty"`
	Definitions          map[string]*schema  `json:"definitions,omitempty"` // what a Ref can name
}

// scalarTypes are what a JSON Schema may see where migration.yaml takes a text as it is written.
var scalarTypes = []string{"string", "number", "boolean"}

// describe is a copy of s with a description.
func (s schema) describe(doc string) *schema {
	s.Description = doc
	return &s
}

func objectSchema[T any](fields []field[T]) *schema {
	s := &schema{Type: "object", Properties: map[string]*schema{}, AdditionalProperties: false}
	for _, f := range fields {
		s.Properties[f.name] = f.schema
		if f.required {
			s.Required = append(s.Required, f.name)
		}
	}
	return s
}

//go:generate go test -run TestSchemaIsCommitted -update .

// Schema is the JSON Schema (draft-07) of migration.yaml, for editors. What it cannot say (the last wave has no
// condition, names are given once), Parse says.
func Schema() []byte {
	root := *fileShape.schema
	root.Schema = "http://json-schema.org/draft-07/schema#"
	root.Title = "migration.yaml of rehome"
	root.Definitions = map[string]*schema{"step": stepDefinition}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(root); err != nil {
		panic(err) // the tree holds nothing that JSON cannot say
	}
	return out.Bytes()
}
