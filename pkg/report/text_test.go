package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"rehome/pkg/shard"
)

var update = flag.Bool("update", false, "write the golden files anew")

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

// full are the facts of a large run in which everything that can be told has happened.
func full() Facts {
	hashed := slices.Repeat([]string{"hmac:4bf92f3577b34da6a3ce929d0e0e4736"}, 5)
	return Facts{
		Migration: "community", Run: "mzq4kx", Rehome: "1.0.0", Mappings: []string{"sha256:3f2a7c01d5e98b46", "sha256:9c1b"},
		Entries: []Entry{
			{Into: "app.users", From: "users", Rows: 12_345_678}, {Into: "app.posts", From: "posts", Rows: 1_234_567_890},
			{Into: "app.messages", From: "messages m JOIN conversations c ON c.Id = m.ConversationId", Rows: 44_000},
			{Into: "app.messages", From: "archive.messages", Rows: 1000}, {Into: "app.tags", From: "tags", Rows: 0},
		},
		Users:  Users{Planned: 12_345_678, Appeared: 22, Migrated: 12_345_600, Quarantined: 97, Vanished: 3},
		Shards: Shards{Planned: 41_252, Done: 41_252},
		Waves: []Wave{
			{Name: "casual", Users: WaveUsers{Planned: 12_000_000, Migrated: 11_999_925}, Gate: "passed"},
			{Name: "regulars", Users: WaveUsers{Planned: 345_678, Migrated: 345_675}, Gate: "passed"},
		},
		Sums: []shard.Table{
			{Source: 12_345_697, Read: 12_345_697, Written: 12_345_600, SetAside: 97, Changed: 8_765_432, Expected: row, Stored: row},
			{Source: 1_234_567_890, Read: 1_234_567_890, Written: 1_234_560_000, SetAside: 7_000, Waiting: 890, Changed: 12, Expected: row, Stored: row},
			{Source: 44_000, Read: 44_000, Written: 43_000, LeftOut: 1_000, Expected: row, Stored: row.Add(row)},
			{Source: 1_000, Read: 1_000, Written: 999, Expected: row, Stored: row},
			{},
		},
		Rules: []shard.Rule{
			{Entry: 0, Column: "homepage", Rule: "empty_to_null", Rows: 8_000_000}, {Entry: 0, Column: "homepage", Rule: "trim", Rows: 765_400},
			{Entry: 0, Column: "name", Rule: "if_null", Rows: 32}, {Entry: 1, Column: "body", Rule: "bad_text", Rows: 9}, {Entry: 1, Column: "kind", Rule: "values", Rows: 3},
		},
		Causes: []Cause{
			{Cause: "unique:app.users.users_email_key", Users: 4, Rows: 812, SampleKeys: hashed},
			{Cause: "values:app.posts.kind", Users: 93, Rows: 6_285, SampleKeys: []string{"17", "1004", "22871", "1000042", "12345678"}},
			{Cause: "waits:app.posts.parent_id", Rows: 890},
		},
		Discarded: []Discarded{{Shard: 17, Users: 4, Rows: 1600, Reason: "test accounts of 2011", At: begun}},
		Conflicts: []Conflict{
			{Table: "app.posts", Kind: "changed", Rows: 14, Settled: 4, SampleKeys: []string{"17", "1004"}}, {Table: "app.posts", Kind: "deleted", Rows: 1}, {Table: "app.users", Kind: "added", Rows: 2},
		},
		Originals: []Original{{Table: "app.posts", Column: "body", Rule: "bad_text", Rows: 9}, {Table: "app.posts", Rule: "conflict", Rows: 4}},
		Closing: &Closing{
			Again:       true,
			Standing:    []Standing{{Table: "app.users", Rows: 12_345_622}, {Table: "app.posts", Rows: 1_234_560_000}, {Table: "app.messages", Rows: 43_990}},
			Consistency: "converged", Rows: []int64{12_345_697, 1_234_567_890, 44_000, 1000, 0}, Finished: ended,
			Legacy: []Legacy{
				{Table: "users", Rows: 12_345_697, Used: 12_345_697}, {Table: "posts", Rows: 1_234_567_890, Used: 1_234_567_880, LeftOut: 10},
				{Table: "conversations", Rows: 900, Used: 898, Unexplained: 2},
			},
			Constraints: []Constraint{
				{Name: "users_pkey", Table: "app.users", State: "valid"}, {Name: "posts_author_fk", Table: "app.posts", State: "violated", Violations: 3},
			},
			Sequences: []Sequence{{Name: "app.users_id_seq", State: "ok"}, {Name: "app.tags_id_seq", State: "behind"}},
		},
		Started: begun, Now: ended,
		Dead:    []DeadCause{{Cause: "altered:app.users.name", Shards: 2, Users: 4000, Rows: 20_000}},
		Servers: Servers{Legacy: "MariaDB 10.11.19", Target: "PostgreSQL 15.18"}, Begun: &Begun{At: begun, By: "somebody@here", Rehome: "1.0.0"},
		Spent: []TableTime{
			{Took: 26 * time.Minute, Bytes: 3_456_789_012}, {Took: 11*time.Hour + 5*time.Minute, Bytes: 345_678_901_234}, {Took: time.Second, Bytes: 17}, {Took: 40 * time.Millisecond, Bytes: 99_999},
		},
		Timings: timings(), Throughput: throughput(), Key: []byte("a key"),
	}
}

func timings() Timings {
	t := Timings{Work: Work{Shards: 41_252, Read: 12_000, Convert: 6000, Copy: 18_000, ReadBack: 4500, Close: 900.5, Bytes: 349_135_790_362}}
	t.AddPhase(Phase{Phase: "plan", Steps: 1}, 93*time.Second, 93*time.Second)
	t.AddPhase(Phase{Phase: "closing counts", Steps: 1}, 4*time.Minute, 4*time.Minute)
	t.AddPhase(Phase{Phase: "constraints", Steps: 12}, 9*time.Minute, 9*time.Minute)
	t.AddPhase(Phase{Phase: "load", Wave: "casual", Steps: 40_000, Rows: 1_200_000_000}, 95*time.Minute, 11*time.Hour)
	t.AddPhase(Phase{Phase: "load", Wave: "regulars", Steps: 1252, Rows: 46_949_599}, 5*time.Minute, 30*time.Minute)
	t.AddPhase(Phase{Phase: "settle", Steps: 1}, 35*time.Second, 35*time.Second)
	return t
}

// throughput is that of a night with a pause.
func throughput() Throughput {
	t := Throughput{From: begun, Bucket: 60}
	for i := range 120 {
		switch {
		case i >= 40 && i < 50:
			t.Add(0, 0)
		default:
			t.Add(180_000+40_000*math.Sin(float64(i)/7), 8)
		}
	}
	return t
}

func text(t *testing.T, r *Report, format string) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := r.Write(&out, format); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestText(t *testing.T) {
	running := full()
	running.Closing = nil
	running.Off = []Constraint{{Name: "posts_author_fk", Table: "app.posts", State: "off"}}
	running.Shards = Shards{Planned: 41_252, Done: 30_000, Dead: 2, Pending: 11_250}
	running.Users = Users{Planned: 12_345_678, Migrated: 9_000_000, Quarantined: 97, Pending: 3_345_581}
	accepted := clean()
	accepted.Closing.Consistency, accepted.Accepted = "unproved", "the site was off"
	for name, facts := range map[string]Facts{"full": full(), "clean": clean(), "running": running, "accepted": accepted, "empty": {Migration: "m", Run: "r", Rehome: "v", Started: begun, Now: begun}} {
		t.Run("a report looks good: "+name, func(t *testing.T) {
			got := text(t, Build(facts), "text")
			golden(t, name+".txt", got)
			for line := range strings.Lines(string(got)) {
				if width := utf8.RuneCountInString(line) - 1; width > 100 || strings.HasSuffix(line, " \n") {
					t.Errorf("%d columns: %s", width, line)
				}
			}
		})
	}
	t.Run("what a person reads first fits narrow terminals, too", func(t *testing.T) {
		var out bytes.Buffer
		if err := Build(full()).TextFor(&out, 80); err != nil {
			t.Fatal(err)
		}
		_, end, _ := strings.Cut(out.String(), "TABLE         FROM")
		for line := range strings.Lines(end) {
			if n := utf8.RuneCountInString(line) - 1; n > 80 {
				t.Errorf("%d letters: %s", n, line)
			}
		}
	})
	t.Run("text is what is written unless something else is asked for", func(t *testing.T) {
		if r := Build(full()); !bytes.Equal(text(t, r, ""), text(t, r, "text")) {
			t.Error("another text")
		}
	})
	t.Run("a form that there is not is refused, and nothing written", func(t *testing.T) {
		var out bytes.Buffer
		if err := Build(clean()).Write(&out, "yaml"); err == nil || !strings.Contains(err.Error(), `as "yaml": there is text, json and html`) || out.Len() > 0 {
			t.Errorf("got %v and %d bytes", err, out.Len())
		}
	})
	t.Run("what cannot be written is an error", func(t *testing.T) {
		for _, format := range []string{"text", "json"} {
			if err := Build(clean()).Write(diskFull{}, format); !errors.Is(err, errFull) {
				t.Errorf("%s: got %v", format, err)
			}
		}
	})
}

var errFull = errors.New("no space left on device")

type diskFull struct{}

func (diskFull) Write([]byte) (int, error) { return 0, errFull }

// keys returns the paths of all keys of a JSON value, list elements as one.
func keys(v any, path string, into map[string]bool) {
	switch v := v.(type) {
	case map[string]any:
		for name, field := range v {
			into[path+name] = true
			keys(field, path+name+".", into)
		}
	case []any:
		for _, element := range v {
			keys(element, path, into)
		}
	}
}

func keysOf(t *testing.T, body []byte) []string {
	t.Helper()
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	keys(v, "", found)
	return slices.Sorted(maps.Keys(found))
}

func TestJSON(t *testing.T) {
	t.Run("the keys are those that scripts were promised", func(t *testing.T) {
		contract, err := os.ReadFile("testdata/contract.json")
		if err != nil {
			t.Fatal(err)
		}
		r := Build(full())
		r.Made = &Made{At: "2026-03-02T00:05:00Z", By: "somebody@here", Command: "aggregator report --format json"}
		if diff := cmp.Diff(keysOf(t, contract), keysOf(t, text(t, r, "json"))); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("the whole of it", func(t *testing.T) { golden(t, "full.json", text(t, Build(full()), "json")) })
	t.Run("each list is a list, if an empty one", func(t *testing.T) {
		for name, r := range map[string]*Report{"zero": {}, "empty": Build(Facts{Closing: &Closing{}}), "cause": {Causes: []Cause{{Cause: "c"}}, Conflicts: []Conflict{{Kind: "changed"}}}} {
			body := string(text(t, r, "json"))
			if strings.Contains(strings.Replace(body, `"finished_at": null`, "", 1), "null") {
				t.Errorf("%s: %s", name, body)
			}
		}
	})
	t.Run("why an unproved source will do is repeated", func(t *testing.T) {
		f := clean()
		f.Accepted = "the site was off"
		if body := text(t, Build(f), "json"); !bytes.Contains(body, []byte(`"accept_unproved": "the site was off"`)) {
			t.Errorf("%s", body)
		}
	})
	t.Run("writing does not change the report", func(t *testing.T) {
		r := &Report{Causes: []Cause{{Cause: "c"}}, Conflicts: []Conflict{{Kind: "changed"}}}
		before := fmt.Sprintf("%#v", r)
		text(t, r, "json")
		text(t, r, "text")
		if after := fmt.Sprintf("%#v", r); after != before {
			t.Errorf("got %s, was %s", after, before)
		}
	})
}
