package mapping

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// small is the least that a file says; %s are its ends.
const small = `name: m
users: {from: users, key: id}
tables:
  - into: app.users
    from: users
    user: id
    columns:
      id: id
`

func TestFaults(t *testing.T) {
	for _, test := range []struct {
		name string
		src  string
		want []string
	}{
		{"a small file has none", small, nil},
		{"an empty file says so", "# nothing\n", []string{"1:1: the file is empty"}},
		{"what is no YAML says where", "name: [a\n", []string{"1:7: this is no YAML: sequence end token ']' not found (" + syntaxFix + ")"}},
		{"a file that is no UTF-8 says where", "name: m\nnamé: \xff\n", []string{"2:7: the file is not valid UTF-8 (save it as UTF-8)"}},
		{"a second document is refused", small + "---\nname: b\n", []string{"10:1: a second document begins here (one file describes one migration)"}},
		{"a list at the top is refused", "- a\n", []string{"1:1: a list stands here, and it must be a map"}},
		{"missing keys are named", "{}\n", []string{"1:1: name is missing", "1:1: users is missing", "1:1: tables is missing"}},
		{"a near miss is named, and not reported as missing too",
			strings.Replace(small, "columns:", "colums:", 1),
			[]string{`7:5: tables[0]: unknown key "colums" (did you mean columns?)`}},
		{"a far miss lists what there is", strings.Replace(small, "{from: users, key: id}", "{from: users, key: id, size: 2}", 1),
			[]string{`2:31: users: unknown key "size" (one of from, key, shard_rows)`}},
		{"the name has an alphabet", strings.Replace(small, "name: m", "name: My App", 1),
			[]string{`1:7: name: "My App" does not do here (1 to 32 of a-z, 0-9 and _)`}},
		{"a duplicate key says where the first is", small + "name: b\n", []string{`9:1: "name" stands here twice, first in line 1`}},
		{"a column twice is a duplicate key", small + "      id: id2\n", []string{`9:7: tables[0].columns: "id" stands here twice, first in line 8`}},
		{"user and key exclude each other", strings.Replace(small, "user: id", "user: id\n    key: id", 1),
			[]string{"7:5: tables[0]: user and key stand here together (user for rows that belong to a user, key for those that do not)"}},
		{"one of user and key is needed", strings.Replace(small, "    user: id\n", "", 1),
			[]string{"4:5: tables[0]: user or key is missing (user: the expression that says whose row it is, or key: the table's own key)"}},
		{"the last wave has no condition", small + "waves: [{name: a, where: x = 1}]\n",
			[]string{"9:26: waves[0].where: the last wave takes all that is left, and has no condition (take where out, or add a last wave without it)"}},
		{"only the last wave has no condition", small + "waves:\n  - name: a\n  - name: b\n",
			[]string{"10:5: waves[0]: where is missing (only the last wave takes all that is left)"}},
		{"waves have names of their own", small + "waves: [{name: a, where: x}, {name: a}]\n",
			[]string{`9:37: waves[1].name: "a" is already the name of waves[0]`}},
		{"the last wave has no gate", small + "waves: [{name: a, where: x, gate: {quarantined: 1%}}, {name: b, gate: {quarantined: 2%}}]\n",
			[]string{"9:71: waves[1].gate: the last wave has no gate: nothing is published behind it (take gate out; stop.quarantined is for the run as a whole)"}},
		{"a gate has a limit", small + "waves: [{name: a, where: x, gate: {}}, {name: b}]\n",
			[]string{"9:35: waves[0].gate: quarantined is missing"}},
		{"a gate's limit is a share", small + "waves: [{name: a, where: x, gate: {quarantind: 1}}, {name: b, wehre: y, gat: 1%}]\n", []string{
			`9:36: waves[0].gate: unknown key "quarantind" (did you mean quarantined?)`,
			`9:63: waves[1]: unknown key "wehre" (did you mean where?)`,
			`9:73: waves[1]: unknown key "gat" (did you mean gate?)`}},
		{"a gate's limit is written as a percentage", small + "waves: [{name: a, where: x, gate: {quarantined: 0.01}}, {name: b}]\n",
			[]string{`9:49: waves[0].gate.quarantined: "0.01" is no share between 0% and 100% (write it as 5%)`}},
		{"live waves are refused until they exist", small + "waves_live: true\n",
			[]string{"9:1: waves_live: waves_live: true is not supported yet (take it out)"}},
		{"a wrong word has a near one", strings.Replace(small, "user: id", "user: id\n    unowned: migarte", 1),
			[]string{`7:14: tables[0].unowned: "migarte" is not known here (did you mean migrate?)`}},
		{"a policy's word is checked", small + "partial_date: to_nul\nout_of_range: drop\n", []string{
			`9:15: partial_date: "to_nul" is not known here (did you mean to_null?)`,
			`10:15: out_of_range: "drop" is not known here (one of reject, to_null, clamp)`}},
		{"a near miss of a word is no replacement for a date", small + "zero_date: rejct\n",
			[]string{`9:12: zero_date: "rejct" is not known here (did you mean reject?)`}},
		{"another policy's word is no replacement for a date", small + "zero_date: strip\n",
			[]string{`9:12: zero_date: "strip" is not known here (one of reject, to_null)`}},
		{"a time zone must be known", small + "legacy: {time_zone: Europe/Berlln}\n",
			[]string{`9:21: legacy.time_zone: time zone "Europe/Berlln" is not known (write an IANA name: UTC, Europe/Berlin, America/New_York)`}},
		{"the machine's own time zone is none", small + "legacy: {time_zone: Local}\n",
			[]string{`9:21: legacy.time_zone: time zone "Local" is not known (write an IANA name: UTC, Europe/Berlin, America/New_York)`}},
		{"a share is a percentage", small + "stop: {quarantined: 0.05}\n",
			[]string{`9:21: stop.quarantined: "0.05" is no share between 0% and 100% (write it as 5%)`}},
		{"a share is no more than all", small + "stop: {quarantined: 100.1%}\n",
			[]string{`9:21: stop.quarantined: "100.1%" is no share between 0% and 100% (write it as 5%)`}},
		{"a byte order mark is no part of the file", "\ufeff" + small, nil},
		{"a directive is refused", "%YAML 1.2\n---\n" + small, []string{"1:1: directives are not part of migration.yaml (take it out)"}},
		{"a gather gathers something", strings.Replace(small, "user: id", "user: id\n    gather: {from: a, user: b, name: c, value: d}", 1),
			[]string{"7:13: tables[0].gather: columns or keep is missing"}},
		{"faults of a map come before those of its values", "name: m\nusers: {from: ~}\ntables: []\n", []string{
			"2:8: users: key is missing",
			"2:15: users.from: YAML reads a null here, and that is no value (write a table of the legacy database, or a join)",
			"3:9: tables: the list is empty (take the key out)",
		}},
		{"a size has a unit that is known", small + "max_row_bytes: 64MB\n",
			[]string{`9:16: max_row_bytes: "64MB" is no size between 1 byte and 1 GiB (write bytes, or a number with KiB, MiB or GiB)`}},
		{"a size is no larger than a value of PostgreSQL", small + "max_row_bytes: 999999999999GiB\n",
			[]string{`9:16: max_row_bytes: "999999999999GiB" is no size between 1 byte and 1 GiB (write bytes, or a number with KiB, MiB or GiB)`}},
		{"a shard has rows", strings.Replace(small, "key: id}", "key: id, shard_rows: 0}", 1),
			[]string{`2:43: users.shard_rows: "0" is no number of rows (write a number of rows, or auto)`}},
		{"a word for a boolean", strings.Replace(small, "user: id", "user: id\n    many: yes", 1),
			[]string{`7:11: tables[0].many: "yes" is neither true nor false (write true or false)`}},
		{"an ignored table needs a word why", small + "ignore: {a: , b: \"\"}\n", []string{
			"9:10: ignore.a: YAML reads a null here, and that is no value (say why)",
			`9:18: ignore.b: "" does not do here (say why)`}},
		{"a table feeds columns", strings.Replace(small, "\n      id: id", " {}", 1),
			[]string{"7:14: tables[0].columns: the map is empty"}},
		{"a list is no text", strings.Replace(small, "into: app.users", "into: [app.users]", 1),
			[]string{"4:11: tables[0].into: a list stands here, and it must be a plain value"}},
		{"an empty list is refused", strings.Replace(small, "user: id", "user: []", 1),
			[]string{"6:11: tables[0].user: the list is empty (take the key out)"}},
		{"anchors, aliases, merge keys and tags are refused, once each",
			strings.Replace(small, "\n      id: id", " &c\n      id: !!str id\n  - {into: b, from: b, key: id, columns: *c}\n  - {into: c, from: c, key: id, columns: {<<: *c, id: id}}", 1),
			[]string{
				"7:14: anchors and aliases are not part of migration.yaml (write the text out where it is needed)",
				"8:11: tags are not part of migration.yaml (put the value in quotes to make it text)",
				"9:42: anchors and aliases are not part of migration.yaml (write the text out where it is needed)",
				"10:43: merge keys are not part of migration.yaml (write the keys out where they are needed)",
				"10:47: anchors and aliases are not part of migration.yaml (write the text out where it is needed)",
			}},
		{"all faults come at once, in the order of the file", "name: \nuser: {}\ntables: [{}]\n", []string{
			"1:1: name: YAML reads a null here, and that is no value (1 to 32 of a-z, 0-9 and _)",
			`2:1: unknown key "user" (did you mean users?)`,
			"3:10: tables[0]: into is missing",
			"3:10: tables[0]: from is missing",
			"3:10: tables[0]: columns is missing",
			"3:10: tables[0]: user or key is missing (user: the expression that says whose row it is, or key: the table's own key)",
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, faults := Parse("", []byte(test.src), nil)
			checkFaults(t, faults, test.want)
		})
	}
}

func TestColumnFaults(t *testing.T) {
	for _, test := range []struct {
		name, column string
		want         []string
	}{
		{"a null is no expression", "~", []string{`9:12: tables[0].columns.col: YAML reads a null here, and that is no value (` + columnFix + `)`}},
		{"nothing is no expression", "", []string{`9:7: tables[0].columns.col: YAML reads a null here, and that is no value (` + columnFix + `)`}},
		{"the word null is no value for NULL", `{sql: a, if_null: null}`,
			[]string{`9:30: tables[0].columns.col.if_null: YAML reads a null here, and that is no value (write "" for the empty text; take if_null out to leave NULL as it is)`}},
		{"a null is no new value", `{sql: a, values: {1: ~}}`,
			[]string{`9:33: tables[0].columns.col.values.1: YAML reads a null here, and that is no value (write "" for the empty text; for NULL take the line out and write otherwise: to_null)`}},
		{"a null is no old value", `{sql: a, values: {~: x}}`,
			[]string{`9:30: tables[0].columns.col.values: a key is YAML's null (write "" for the empty text, "null" for the word)`}},
		{"a null is no constant", `{const: null}`,
			[]string{`9:20: tables[0].columns.col.const: YAML reads a null here, and that is no value (write "" for the empty text; for NULL take the column out)`}},
		{"a comment of YAML cuts an expression", "CONCAT(a, ' # ', b)", []string{"9:12: tables[0].columns.col: a ' is not closed (" + cutFix + ")"}},
		{"a list is no column", "[a]", []string{"9:12: tables[0].columns.col: a list is no column (write an expression, or {sql: …}, {uuid: …} or {const: …})"}},
		{"forms do not mix", "{sql: a, const: b}", []string{"9:12: tables[0].columns.col: sql and const stand here together, and a column is one of them"}},
		{"a slip in a form's name is found by its other keys", "{uid: user, of: Id}", []string{`9:13: tables[0].columns.col: unknown key "uid" (did you mean uuid?)`}},
		{"a reference needs its key", "{uuid: user}", []string{"9:12: tables[0].columns.col: of is missing"}},
		{"an entity has no colon", "{uuid: 'a:b', of: Id}", []string{`9:19: tables[0].columns.col.uuid: "a:b" does not do here (write a name without colons and spaces)`}},
		{"missing has three words", "{uuid: user, of: Id, missing: null_it}", []string{`9:42: tables[0].columns.col.missing: "null_it" is not known here (one of wait, to_null, leave)`}},
		{"a comma in braces splits an expression", "{sql: IF(a, 1, 2)}", []string{
			"9:18: tables[0].columns.col.sql: a ( is not closed (" + cutFix + ")",
			`9:24: tables[0].columns.col: unknown key "1" (inside { } put a text that holds a comma in quotes)`,
			`9:27: tables[0].columns.col: unknown key "2)" (inside { } put a text that holds a comma in quotes)`,
		}},
		{"a key of values stands once, however it is spelled", `{sql: a, values: {1: x, "1": y}}`,
			[]string{`9:36: tables[0].columns.col.values: "1" stands here twice, first in line 9`}},
		{"otherwise goes with values", "{sql: a, otherwise: keep}", []string{"9:21: tables[0].columns.col: otherwise stands here without values (add values, or take otherwise out)"}},
		{"an escape that is no character is refused", `{const: "\U00110000"}`, []string{"9:20: tables[0].columns.col.const: an escape in it is no character (write the character itself)"}},
		{"otherwise has its words", "{sql: a, values: {1: x}, otherwise: null_it}", []string{`9:48: tables[0].columns.col.otherwise: "null_it" is not known here (one of reject, keep, to_null)`}},
		{"otherwise takes a value under to", "{sql: a, values: {1: x}, otherwise: {too: x}}", []string{`9:49: tables[0].columns.col.otherwise: unknown key "too" (did you mean to?)`}},
		{"a step is known", "{sql: a, steps: [trimm]}", []string{`9:29: tables[0].columns.col.steps[0]: unknown step "trimm" (did you mean trim?)`}},
		{"a step without arguments takes none", "{sql: a, steps: [{trim: [x]}]}", []string{"9:36: tables[0].columns.col.steps[0].trim: trim takes no arguments (write it as trim)"}},
		{"a step with arguments needs them", "{sql: a, steps: [date]}", []string{`9:29: tables[0].columns.col.steps[0]: date needs arguments (write it as {date: ["%Y-%m-%d"]})`}},
		{"a date format has MySQL's letters", `{sql: a, steps: [{date: ["%Y-%Q", plain, "%d %"]}]}`, []string{
			`9:37: tables[0].columns.col.steps[0].date[0]: "%Y-%Q" will not do: a % is not followed by a letter that MySQL's STR_TO_DATE knows`,
			`9:46: tables[0].columns.col.steps[0].date[1]: "plain" will not do: it holds no % and would fit one text only`,
			`9:53: tables[0].columns.col.steps[0].date[2]: "%d %" will not do: a % is not followed by a letter that MySQL's STR_TO_DATE knows`,
		}},
		{"an argument is one of its words", "{sql: a, steps: [{unix: sec}]}", []string{`9:36: tables[0].columns.col.steps[0].unix: "sec" is not known here (one of s, ms, us)`}},
		{"there are no more arguments than make sense", "{sql: a, steps: [{unix: [s, ms]}]}", []string{"9:36: tables[0].columns.col.steps[0].unix: unix takes one argument (write it as {unix: s})"}},
		{"an argument stands there once", "{sql: a, steps: [{base64: [url, url]}]}",
			[]string{"9:38: tables[0].columns.col.steps[0].base64: url stands there twice (write it as base64, or {base64: [url, unpadded]})"}},
		{"nothing stands behind a charset that takes all", "{sql: a, steps: [{charset: [cp1252, utf8]}]}",
			[]string{"9:39: tables[0].columns.col.steps[0].charset: cp1252 reads every value, so that nothing behind it is tried (write it as {charset: [utf8, cp1252]})"}},
		{"a path is one", `{sql: a, steps: [{json: "a.b"}, {json: ["$.a", "$.b c"]}, {json: to_null}]}`, []string{
			`9:36: tables[0].columns.col.steps[0].json: "a.b" will not do: a path begins with $, as in $.a.b[0]`,
			`9:59: tables[0].columns.col.steps[1].json[1]: "$.b c" will not do: the path makes no sense from its place 4 on; write .NAME, ."NAME" or [0]`,
			`9:77: tables[0].columns.col.steps[2].json: it is one path, and to_null behind it for one that is not there (write it as {json: "$.a.b[0]"} or {json: ["$.a.b[0]", to_null]})`,
		}},
		{"dated needs its parts", "{sql: a, steps: [dated]}", []string{`9:29: tables[0].columns.col.steps[0]: dated needs its parts (write it as {dated: {by: COLUMN, before: "2019-03-01", then: [STEP], else: [STEP]}})`}},
		{"dated does something", "{sql: a, steps: [{dated: {by: b, before: 2019-03-01}}]}",
			[]string{`9:37: tables[0].columns.col.steps[0].dated: then or else is missing (write it as {dated: {by: COLUMN, before: "2019-03-01", then: [STEP], else: [STEP]}})`}},
		{"dated has a date and an expression", "{sql: a, steps: [{dated: {by: 'b, c', before: 1.3.2019, then: [trim]}}]}", []string{
			"9:42: tables[0].columns.col.steps[0].dated.by: a comma makes two expressions of it (one expression stands here; several are a list: [A, B])",
			`9:58: tables[0].columns.col.steps[0].dated.before: "1.3.2019" does not do here (write YYYY-MM-DD, or YYYY-MM-DD HH:MM:SS)`,
		}},
		{"steps in dated are steps", "{sql: a, steps: [{dated: {by: b, before: 2019-03-01, else: [trimm]}}]}",
			[]string{`9:72: tables[0].columns.col.steps[0].dated.else[0]: unknown step "trimm" (did you mean trim?)`}},
		{"two steps in one are refused", "{sql: a, steps: [{trim: a, lower: b}]}", []string{"9:29: tables[0].columns.col.steps[0]: one step stands here (several steps are several elements of the list)"}},
		{"a text holds no NUL", `{const: "a\0"}`, []string{"9:20: tables[0].columns.col.const: the text holds a NUL byte (PostgreSQL stores no NUL in a text)"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, faults := Parse("", []byte(small+"      col: "+test.column+"\n"), nil)
			checkFaults(t, faults, test.want)
		})
	}
}

func TestFaultsNameTheFile(t *testing.T) {
	_, faults := Parse("migration.yaml", []byte("name: m\nusers: 1\ntables: 2\n"), nil)
	want := "migration.yaml:2:8: users: a plain value stands here, and it must be a map\n" +
		"migration.yaml:3:9: tables: a plain value stands here, and it must be a list"
	if diff := cmp.Diff(want, faults.Error()); diff != "" {
		t.Error(diff)
	}
}

func TestNoFaultsAreNoError(t *testing.T) {
	_, faults := Parse("", []byte(small), nil)
	if err := faults.Err(); err != nil {
		t.Errorf("got %v", err)
	}
}

func checkFaults(t *testing.T, faults Faults, want []string) {
	t.Helper()
	var got []string
	for _, f := range faults {
		got = append(got, f.String())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
