package shard

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"rehome/pkg/checksum"
)

var update = flag.Bool("update", false, "write the golden files anew")

var (
	id    = ID{Migration: "community", Run: "mzq4kx", Ordinal: 7, Generation: 1}
	begun = time.Date(2026, 3, 1, 22, 0, 0, 123_000_000, time.UTC)
	row   = checksum.Row("app.users", []byte("row"))
)

// messages are one of each, with every field filled.
var messages = map[string]any{
	"task": &Task{ID: id, Mapping: "3f2a", Schema: "9c1b"},
	"receipt": &Receipt{
		ID: id, State: Done, Wave: 1, Attempt: 2, Mapping: "3f2a",
		Users: Users{Read: 3, Migrated: 2, Quarantined: 1},
		Tables: []Table{{
			Entry: 0, Source: 15, Read: 15, Written: 1, Gathered: 2, SetAside: 3, Waiting: 4, LeftOut: 5, Changed: 6, Extra: 7, Expected: row, Stored: row,
		}},
		Rules:    []Rule{{Entry: 0, Column: "homepage", Rule: "empty_to_null", Rows: 6}},
		Causes:   []Cause{{Cause: "values:app.users.kind", Users: 1, Rows: 3}},
		Position: "bin.000001:1234", Xid: 77, Started: begun, Finished: begun.Add(time.Minute),
		Timing: &Timing{Read: 1, Convert: 2, Copy: 3, ReadBack: 4, Close: 5, Bytes: 6, Tables: []TableTiming{{Entry: 0, Millis: 7, Bytes: 8}}},
	},
	"dead": &DeadLetter{
		ID: id, Cause: "values:app.users.kind", Error: "move shard community/7.1: no row", Attempts: 5, Mapping: "3f2a",
		Tried:   Circumstances{Mapping: "3f2a", Rehome: "1.0.0", Position: "bin.000001:1234", Legacy: "9c1b", Target: "77aa"},
		TraceID: "4bf92f3577b34da6a3ce929d0e0e4736", First: begun, Last: begun.Add(time.Hour),
	},
}

func TestMessages(t *testing.T) {
	for name, message := range messages {
		t.Run("a "+name+" is written as it was when the first one was published", func(t *testing.T) {
			body, err := Encode(message)
			if err != nil {
				t.Fatal(err)
			}
			var indented bytes.Buffer
			if err := json.Indent(&indented, body, "", "  "); err != nil {
				t.Fatal(err)
			}
			golden(t, name+".json", append(indented.Bytes(), '\n'))
		})
		t.Run("a "+name+" comes back as it was sent", func(t *testing.T) {
			body, err := Encode(message)
			if err != nil {
				t.Fatal(err)
			}
			got := reflect.New(reflect.TypeOf(message).Elem()).Interface()
			if err := Decode(body, got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(message, got, cmpopts.EquateComparable(checksum.Sum{})); diff != "" {
				t.Error(diff)
			}
		})
		t.Run("every field of a "+name+" is in the golden file", func(t *testing.T) {
			if field := empty(reflect.ValueOf(message).Elem(), name); field != "" {
				t.Errorf("%s is not filled", field)
			}
		})
	}
}

// golden compares with a file of testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Error(diff)
	}
}

// empty returns the path of a field that has its zero value; an entry's position may well be zero.
func empty(v reflect.Value, path string) string {
	if v.Kind() == reflect.Slice && v.Len() > 0 {
		return empty(v.Index(0), path)
	}
	if v.Kind() == reflect.Pointer && !v.IsNil() {
		return empty(v.Elem(), path)
	}
	if v.Kind() != reflect.Struct || v.Type() == reflect.TypeFor[time.Time]() || v.Type() == reflect.TypeFor[checksum.Sum]() {
		if v.IsZero() && !strings.HasSuffix(path, ".Entry") {
			return path
		}
		return ""
	}
	for field, value := range v.Fields() {
		if stays(field) {
			continue
		}
		if missing := empty(value, path+"."+field.Name); missing != "" {
			return missing
		}
	}
	return ""
}

// stays reports whether the field is none of the body's.
func stays(field reflect.StructField) bool { return field.Tag.Get("json") == "-" }

func TestDecode(t *testing.T) {
	const good = `{"migration":"community","run":"r","ordinal":1,"generation":0,"mapping":"m","schema":"s"}`
	for name, test := range map[string]struct{ body, want string }{
		"an unknown field is refused":              {`{"migration":"community","after":"7"}`, `unknown field "after"`},
		"a second message is refused":              {good + good, "data after the message's end"},
		"a stray bracket is refused":               {good + "]", "data after the message's end"},
		"a message that is cut short is refused":   {good[:40], "unexpected EOF"},
		"an empty body is refused":                 {"", "EOF"},
		"another type is refused":                  {`{"migration":"community","ordinal":"1"}`, "ordinal"},
		"a message of no migration is refused":     {`{"run":"r","ordinal":1}`, "it names no migration"},
		"null is refused":                          {"null", "it names no migration"},
		"a message that is too large is refused":   {good + strings.Repeat(" ", MaxBytes), "bytes are more than the 524288 allowed"},
		"a message too large for JSON is not read": {strings.Repeat("x", MaxBytes+1), "bytes are more than the 524288 allowed"},
	} {
		t.Run(name, func(t *testing.T) {
			err := Decode([]byte(test.body), new(Task))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got %v, want an error with %q", err, test.want)
			}
			if !strings.HasPrefix(err.Error(), "decode *shard.Task: ") {
				t.Errorf("the error does not say of what: %v", err)
			}
		})
	}
	t.Run("white space at the end is allowed, up to the largest size", func(t *testing.T) {
		var task Task
		if err := Decode([]byte(good+strings.Repeat("\n", MaxBytes-len(good))), &task); err != nil {
			t.Fatal(err)
		}
		if want := (Task{ID: ID{Migration: "community", Run: "r", Ordinal: 1}, Mapping: "m", Schema: "s"}); task != want {
			t.Errorf("got %+v", task)
		}
	})
	t.Run("a receipt of 300 tables stays far below the largest size", func(t *testing.T) {
		r := *messages["receipt"].(*Receipt)
		table, rule := r.Tables[0], r.Rules[0]
		table.Source, table.Read, table.Written = 1<<40, 1<<40, 1<<40
		r.Tables, r.Rules = slices.Repeat([]Table{table}, 300), slices.Repeat([]Rule{rule}, 900)
		body, err := Encode(r)
		if err != nil || len(body) > MaxBytes/2 {
			t.Errorf("%d bytes, %v", len(body), err)
		}
	})
	t.Run("what cannot be encoded is an error", func(t *testing.T) {
		if _, err := Encode(func() {}); err == nil || !strings.HasPrefix(err.Error(), "encode func(): ") {
			t.Errorf("got %v", err)
		}
	})
}

// texts are the fields that may hold text, and with it what must not leave the databases: each is a name, a hash or redacted.
var texts = []string{
	"Migration", "Run", "Mapping", "Schema", "State", "Cause", "Column", "Rule", "Position", "Error", "TraceID", "Rehome", "Legacy", "Target",
}

func TestMessagesHoldNoBoundAndNoValue(t *testing.T) {
	var look func(typ reflect.Type, path string)
	look = func(typ reflect.Type, path string) {
		switch {
		case typ == reflect.TypeFor[time.Time](), typ == reflect.TypeFor[checksum.Sum]():
		case typ.Kind() == reflect.Struct:
			for field := range typ.Fields() {
				if stays(field) {
					continue
				}
				look(field.Type, path+"."+field.Name)
			}
		case (typ.Kind() == reflect.Slice || typ.Kind() == reflect.Pointer) && typ.Elem().Kind() == reflect.Struct:
			look(typ.Elem(), path)
		case typ.Kind() == reflect.Int, typ.Kind() == reflect.Int64, typ.Kind() == reflect.Uint64:
		case typ.Kind() == reflect.String && slices.Contains(texts, path[strings.LastIndex(path, ".")+1:]):
		default:
			t.Errorf("%s is a %s, which can hold a bound or a value", path, typ)
		}
	}
	for name, message := range messages {
		look(reflect.TypeOf(message).Elem(), name)
	}
}
