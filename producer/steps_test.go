package main_test

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"rehome/pkg/mapping"
)

// stepPassages have each step that a column can name, on values that it changes, leaves as they are, and refuses.
var stepPassages = []passage{
	{"VARCHAR(50)", "text", "{sql: v, steps: [trim]}", []arrival{{"' a b\\t'", "a b <- trim"}, {"'a'", "a"}, {"X'C2A061E38080'", "a <- trim"}, {"' '", " <- trim"}, null}},
	{"VARCHAR(50)", "text", "{sql: v, steps: [collapse_spaces]}", []arrival{{"'a  b\\n\\tc '", "a b c  <- collapse_spaces"}, {"'a b'", "a b"}}},
	{"VARCHAR(50)", "text", "{sql: v, steps: [lower]}", []arrival{{"'ÄbC'", "äbc <- lower"}, {"'äß1'", "äß1"}}},
	{"VARCHAR(50)", "text", "{sql: v, steps: [upper]}", []arrival{{"'äbß'", "ÄBß <- upper"}, {"'Ä1'", "Ä1"}}},
	{"VARCHAR(50)", "text", "{sql: v, steps: [trim, empty_to_null]}", []arrival{{"''", "<null> <- empty_to_null"}, {"'  '", "<null> <- trim empty_to_null"}, {"'a'", "a"}}},
	{"VARCHAR(50)", "text", "{sql: v, steps: [mojibake]}", []arrival{{"'Ã„gnes'", "Ägnes <- mojibake"}, {"'Ägnes'", "Ägnes"}, {"'â‚¬5'", "€5 <- mojibake"}, {"'日本'", "日本"}}},
	{"VARCHAR(50)", "text", "{sql: v, steps: [{name: first}]}", []arrival{{"'Ada King Lovelace'", "Ada <- name"}, {"'Lovelace, Ada King'", "Ada <- name"}, {"'Ada'", "Ada"}, {"','", "!name"}}},
	{"VARCHAR(50)", "text", "{sql: v, steps: [{name: last}]}", []arrival{{"'Ada King Lovelace'", "Lovelace <- name"}, {"'van Gogh, Vincent'", "van Gogh <- name"}, {"'Ada'", "<null> <- name"}}},
	{"VARCHAR(50)", "date", `{sql: v, steps: [{date: ["%d.%m.%Y", "%Y-%m-%d"]}]}`, []arrival{{"'29.02.2020'", "2020-02-29 <- date"}, {"'2020-02-29'", "2020-02-29"},
		{"'30.02.2020'", "!date"}, {"'29.02.2020 '", "!date"}, {"'00.00.0000'", "!zero_date"}}},
	{"VARCHAR(50)", "timestamptz", `{sql: v, steps: [{date: "%e %b %Y %h:%i %p"}]}`, []arrival{{"'1 Jul 2021 12:30 AM'", "2021-06-30 22:30:00+00 <- date"}, {"'28 Mar 2021 2:30 AM'", "!dst_gap"}}},
	{"INT", "timestamptz", "{sql: v, steps: [{unix: s}]}", []arrival{{"0", "1970-01-01 00:00:00+00 <- unix"}, {"1625092200", "2021-06-30 22:30:00+00 <- unix"}, {"-1", "1969-12-31 23:59:59+00 <- unix"}}},
	{"BIGINT", "timestamp(3)", "{sql: v, steps: [{unix: ms}]}", []arrival{{"1625092200123", "2021-06-30 22:30:00.123 <- unix"}, {"9223372036854775807", "!out_of_range"}}},
	{"VARCHAR(50)", "timestamptz", "{sql: v, steps: [{unix: us}]}", []arrival{{"'1'", "1970-01-01 00:00:00.000001+00 <- unix"}, {"'soon'", "!unix"}}},
	{"TEXT", "jsonb", "{sql: v, steps: [php]}", []arrival{{`'a:1:{s:13:"administrator";b:1;}'`, `{"administrator": true} <- php`}, {`'a:2:{i:0;s:3:"ä1";i:1;d:0.5;}'`, `["ä1", 0.5] <- php`},
		{`'a:1:{s:9:"truncated";s:'`, "!php"}, {`'s:2:"ä1";'`, "!php"}, {`''`, "!php"}}},
	{"TEXT", "text", `{sql: v, steps: [{json: ["$.a[1]", to_null]}]}`, []arrival{{`'{"a": ["x", "y\\"z"]}'`, `y"z <- json`}, {`'{"a": []}'`, "<null> <- json"}, {`'{"a": [0, null]}'`, "<null> <- json"}, {`'{'`, "!json"}}},
	{"TEXT", "integer", `{sql: v, steps: [{json: $.n}]}`, []arrival{{`'{"n": 7}'`, "7 <- json"}, {`'{"m": 7}'`, "!json_path"}, {`'{"n": 3000000000}'`, "!out_of_range"}}},
	{"VARBINARY(50)", "text", "{sql: v, steps: [{charset: [utf8, cp1252]}]}", []arrival{{"X'C3A9'", "é"}, {"X'E9'", "é <- charset"}, {"X'80'", "€ <- charset"}, {"'a'", "a"}}},
	{"VARBINARY(50)", "text", "{sql: v, steps: [{charset: utf8}]}", []arrival{{"X'E282AC'", "€"}, {"X'E9'", "!charset"}}},
	{"VARCHAR(50)", "bytea", "{sql: v, steps: [hex]}", []arrival{{"'00fF'", `\x00ff <- hex`}, {"''", `\x`}, {"'0'", "!hex"}, {"'xy'", "!hex"}}},
	{"CHAR(32)", "uuid", "{sql: v, steps: [hex]}", []arrival{{"'2290C634b71f5ad582dc8667044d17d8'", "2290c634-b71f-5ad5-82dc-8667044d17d8 <- hex"}, {"'2290'", "!uuid"}}},
	{"VARCHAR(200)", "bytea", "{sql: v, steps: [base64]}", []arrival{{"TO_BASE64(X'00FF10')", `\x00ff10 <- base64`}, {"'AP8'", "!base64"}, {"'AP_Q'", "!base64"}}},
	{"VARCHAR(200)", "text", "{sql: v, steps: [{base64: [url, unpadded]}]}", []arrival{{"'w6k'", "é <- base64"}, {"'w6k='", "!base64"}, {"'6Q'", "!bad_text"}}},
	{"TEXT", "text", "{sql: v, steps: [{base64: lines}]}", []arrival{{"TO_BASE64(REPEAT('0123456789', 9))", strings.Repeat("0123456789", 9) + " <- base64"}}},
	{"VARCHAR(20), w DATE AS (IF(id = 0, '2019-02-28', IF(id < 3, '2019-03-01', NULL))) STORED", "date",
		`{sql: v, steps: [trim, {dated: {by: w, before: "2019-03-01", then: [{date: "%d.%m.%Y"}], else: [{date: "%m/%d/%Y"}]}}]}`,
		[]arrival{{"'01.02.2019 '", "2019-02-01 <- trim date_before_2019-03-01"}, {"'01/02/2019'", "2019-01-02 <- date_from_2019-03-01"}, {"'01.02.2019'", "!date"}, {"'01.02.2019'", "!dated"}, null}},
	// The last two keep originals.
	{"VARCHAR(50)", "varchar(5)", "{sql: v, steps: [trim, collapse_spaces, lower], nul_byte: strip, too_long: truncate, if_null: none, keep_originals: true}",
		[]arrival{{"' A  Bcd Ef '", "a bcd <- trim collapse_spaces lower too_long"}, {"'abc'", "abc"}, {"X'410042'", "ab <- lower nul_byte"}, {"NULL", "none <- if_null"}, {"'😀Ä'", "😀ä <- lower"}}},
	{"BLOB", "text", "{sql: v, steps: [hex], bad_text: {to: \"?\"}, keep_originals: true}", []arrival{{"'4142'", "AB <- hex"}, {"'41e942'", "A?B <- hex bad_text"}, {"'4'", "!hex"}}},
}

func TestEveryStepThereAndBack(t *testing.T) {
	l := travels(t, stepPassages)

	t.Run("no step is missing", func(t *testing.T) {
		var all strings.Builder
		for _, p := range stepPassages {
			all.WriteString(p.column)
		}
		for _, name := range stepsOfTheSchema(t) {
			if !strings.Contains(strings.NewReplacer("[", " ", ",", " ", "]", " ", "{", " ", ":", " ").Replace(all.String()), " "+name+" ") {
				t.Errorf("no value goes through the step %s", name)
			}
		}
	})

	t.Run("of what loses something the originals are kept, byte for byte", func(t *testing.T) {
		var want []string
		first := len(stepPassages) - 2
		for i, p := range stepPassages[first:] {
			table := fmt.Sprintf("t%02d", first+i)
			kept := l.legacyBytes(table)
			for id, v := range p.values {
				_, rules, _ := strings.Cut(v.out, " <- ")
				for _, rule := range strings.Fields(rules) {
					if rule != "hex" { // from which the old value can be told
						want = append(want, fmt.Sprintf("%d %d v %s %s", first+i+1, id, rule, kept[id]))
					}
				}
			}
		}
		if len(want) != 9 {
			t.Errorf("%d originals are expected: %q", len(want), want)
		}
		slices.Sort(want)
		if diff := cmp.Diff(want, l.originals()); diff != "" {
			t.Errorf("originals (-want +got):\n%s", diff)
		}
	})
}

// stepsOfTheSchema are the names of all steps, as editors are told them.
func stepsOfTheSchema(t *testing.T) (names []string) {
	t.Helper()
	var schema struct {
		Definitions struct {
			Step struct {
				AnyOf []struct {
					Enum     []string
					Required []string
				}
			}
		}
	}
	if err := json.Unmarshal(mapping.Schema(), &schema); err != nil {
		t.Fatal(err)
	}
	for _, step := range schema.Definitions.Step.AnyOf {
		names = append(append(names, step.Enum...), step.Required...)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	if len(names) != 15 {
		t.Errorf("there are %d steps: %q", len(names), names)
	}
	return names
}

// legacyBytes are the bytes that the legacy database has in the column v, by row.
func (l *lab) legacyBytes(table string) map[int]string {
	l.Helper()
	db := l.openLegacy()
	defer db.Close()
	rows, err := db.QueryContext(l.ctx, `SELECT id, COALESCE(LOWER(HEX(v)), 'NULL') FROM `+table)
	if err != nil {
		l.Fatal(err)
	}
	defer rows.Close()
	out := map[int]string{}
	for rows.Next() {
		var id int
		var text string
		if err := rows.Scan(&id, &text); err != nil {
			l.Fatal(err)
		}
		out[id] = text
	}
	if err := rows.Err(); err != nil {
		l.Fatal(err)
	}
	return out
}

// originals are all that are kept: entry, legacy key (behind its length), column, rule and bytes.
func (l *lab) originals() (out []string) {
	l.Helper()
	rows, err := l.conn.Query(l.ctx, `SELECT entry, convert_from(substr(legacy_key, 2), 'UTF8'), column_name, rule, bytes FROM rehome.original`)
	if err != nil {
		l.Fatal(err)
	}
	var entry int
	var key, column, rule string
	var original []byte
	if _, err := pgx.ForEachRow(rows, []any{&entry, &key, &column, &rule, &original}, func() error {
		text := "NULL"
		if original != nil {
			text = hex.EncodeToString(original)
		}
		out = append(out, fmt.Sprintf("%d %s %s %s %s", entry, key, column, rule, text))
		return nil
	}); err != nil {
		l.Fatal(err)
	}
	slices.Sort(out)
	return out
}
