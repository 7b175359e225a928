package mapping

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReshapes(t *testing.T) {
	for _, test := range []struct {
		name  string
		edits []string
		want  string
	}{
		{"nothing", nil, ""},
		{"what becomes of values and rows", []string{"1: one", "1: eins", "raw: CONCAT(a, b)", "raw: {sql: c, nul_byte: reject}", "where: deleted = 0", "where: deleted = 1",
			"unowned: leave", "unowned: reject", "max_row_bytes: 1GiB", "max_row_bytes: 1MiB", "{token: why}", "{token: why, cart: why}"}, ""},
		{"the namespace", []string{"namespace: ns", "namespace: nt"}, `namespace.text: was "ns", is "nt"`},
		{"a column more", []string{"raw: CONCAT", "more: more\n      raw: CONCAT"}, `tables[app.users].columns[more]: was not there, is {"name":"more"}`},
		{"the order of columns", []string{"source: {const: 007}\n      raw: CONCAT(a, b)", "raw: CONCAT(a, b)\n      source: {const: 007}"},
			"tables[app.users].columns: was in the order id, country_id, kind, source, raw, is in the order id, country_id, kind, raw, source"},
		{"the key of an entity", []string{"id: {uuid: user, of: [a, b]}", "id: {uuid: user, of: [b, a]}"},
			`tables[app.users].columns[id].uuid.of[0].sql: was "a", is "b"` + "\n" + `tables[app.users].columns[id].uuid.of[1].sql: was "b", is "a"`},
		{"a wave", []string{"a < 10", "a < 11"}, `waves[first].where.sql: was "a < 10", is "a < 11"`},
		{"a gathered column more", []string{"first_name: first_name", "first_name: first_name\n        last_name: last_name"},
			`tables[app.users].gather.columns[last_name]: was not there, is {"name":"last_name","of":{"text":""}}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := Reshapes(parsed(t, whole), parsed(t, edited(t, whole, test.edits...)))
			if diff := cmp.Diff(test.want, strings.Join(got, "\n")); diff != "" {
				t.Error(diff)
			}
		})
	}
}
