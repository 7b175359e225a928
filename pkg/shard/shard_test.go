package shard

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"rehome/pkg/checksum"
	"rehome/pkg/keyspace"
)

func TestKindOf(t *testing.T) {
	cause := "values:app.users.kind"
	marked := Fail(Data, cause, errors.New("no such value"))
	for name, test := range map[string]struct {
		err   error
		want  Failure
		cause string
	}{
		"what nobody has marked is an outage":          {errors.New("connection reset"), Outage, ""},
		"no error is an outage, which nobody asks for": {nil, Outage, ""},
		"a cancelled context is an outage":             {context.Canceled, Outage, ""},
		"a marked error is of its kind":                {marked, Data, cause},
		"a wrapped one as well":                        {fmt.Errorf("move shard: %w", fmt.Errorf("copy: %w", marked)), Data, cause},
		"one among several":                            {errors.Join(errors.New("close"), fmt.Errorf("copy: %w", marked)), Data, cause},
		"one of several in one format":                 {fmt.Errorf("%w, and then %w", errors.New("close"), marked), Data, cause},
		"the outermost of two counts":                  {Fail(Defect, "", fmt.Errorf("verify: %w", marked)), Defect, ""},
		"the first of two side by side counts":         {errors.Join(Failf(Stale, "gone"), marked), Stale, ""},
		"a formatted one has no cause":                 {Failf(Schema, "table %s is gone", "users"), Schema, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if kind, cause := KindOf(test.err); kind != test.want || cause != test.cause {
				t.Errorf("got %s %q, want %s %q", kind, cause, test.want, test.cause)
			}
		})
	}
	t.Run("marking changes neither the text nor what can be asked", func(t *testing.T) {
		inner := errors.New("inner")
		err := Failf(Unknown, "commit: %w", inner)
		if err.Error() != "commit: inner" || !errors.Is(err, inner) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("every kind has a name of its own", func(t *testing.T) {
		seen := map[string]bool{}
		for kind := Outage; kind <= Defect; kind++ {
			if seen[kind.String()] || kind.String() == "" {
				t.Errorf("%q twice", kind)
			}
			seen[kind.String()] = true
		}
	})
}

func TestSplit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		parent := Shard{
			ID: id, Kind: OfUsers, Wave: 1, Entry: -1, Cells: [2]int{3, 9}, Parent: -1, State: Planned,
			Users: rapid.Int64Range(0, 1000).Draw(t, "users"), Weight: rapid.Int64Range(0, 1000).Draw(t, "weight"),
		}
		if rapid.Bool().Draw(t, "start") {
			parent.Range.After = keyspace.Key{"a"}
		}
		if rapid.Bool().Draw(t, "end") {
			parent.Range.Through = keyspace.Key{"z"}
		}
		before := parent
		children := parent.Split(40, keyspace.Key{rapid.StringMatching("[b-y]").Draw(t, "cut")})
		if err := keyspace.CheckTiles(parent.Range, []keyspace.Range{children[0].Range, children[1].Range}); err != nil {
			t.Fatal(err)
		}
		if users, weight := children[0].Users+children[1].Users, children[0].Weight+children[1].Weight; users != parent.Users || weight != parent.Weight {
			t.Fatalf("%d users and %d rows of %d and %d", users, weight, parent.Users, parent.Weight)
		}
		for i, child := range children {
			if child.Ordinal != 40+i || child.Parent != parent.Ordinal || child.Run != parent.Run || child.Wave != 1 || child.Cells != parent.Cells {
				t.Fatalf("got %+v", child)
			}
		}
		if fmt.Sprint(parent) != fmt.Sprint(before) {
			t.Fatal("the parent has changed")
		}
	})
}

func TestShard(t *testing.T) {
	s := &Shard{ID: id, Kind: Unowned, Range: keyspace.Range{After: keyspace.Key{"secret"}, Through: keyspace.Key{"secret2"}}}
	t.Run("the task of a shard names it and shows no bound", func(t *testing.T) {
		task := s.Task("hash", "print")
		if want := (Task{ID: id, Mapping: "hash", Schema: "print"}); task != want {
			t.Errorf("got %+v", task)
		}
		if body, err := Encode(task); err != nil || strings.Contains(string(body), "secret") {
			t.Errorf("%s, %v", body, err)
		}
	})
	t.Run("a shard in an error or a log shows no bound", func(t *testing.T) {
		for _, text := range []string{s.String(), fmt.Sprint(s), fmt.Sprintf("%v %s", s, s.Range), id.String()} {
			if strings.Contains(text, "secret") {
				t.Error(text)
			}
		}
		if got := s.String(); got != "community/7.1 (unowned)" {
			t.Errorf("got %s", got)
		}
	})
	t.Run("users and late users are units of a shard, else rows are", func(t *testing.T) {
		for kind, want := range map[Kind]bool{OfUsers: true, Late: true, Unowned: false, OwnKey: false, Settle: false} {
			if kind.ByUser() != want {
				t.Errorf("%s: got %t", kind, !want)
			}
		}
	})
}

func TestTable(t *testing.T) {
	numbers := rapid.Custom(func(t *rapid.T) Table {
		n := func(name string) int64 { return rapid.Int64Range(-1000, 1000).Draw(t, name) }
		return Table{
			Entry: 4, Source: n("source"), Read: n("read"), Written: n("written"), Gathered: n("gathered"), SetAside: n("set aside"),
			Waiting: n("waiting"), LeftOut: n("left out"), Changed: n("changed"), Extra: n("extra"),
			Expected: checksum.Row("e", []byte{byte(n("expected"))}), Stored: checksum.Row("s", []byte{byte(n("stored"))}),
		}
	})
	t.Run("every sum of two is added", rapid.MakeCheck(func(t *rapid.T) {
		a, b := numbers.Draw(t, "a"), numbers.Draw(t, "b")
		sum := a.Plus(b)
		if sum.Expected != a.Expected.Add(b.Expected) || sum.Stored != a.Stored.Add(b.Stored) {
			t.Fatal("checksums")
		}
		got, x, y := counts(t, sum), counts(t, a), counts(t, b)
		for name, n := range got {
			want := x[name] + y[name]
			if name == "entry" {
				want = 4
			}
			if n != want {
				t.Fatalf("%s: got %v, want %v", name, n, want)
			}
		}
	}))
	t.Run("what is unexplained adds up, too", rapid.MakeCheck(func(t *rapid.T) {
		a, b := numbers.Draw(t, "a"), numbers.Draw(t, "b")
		if got := a.Plus(b).Unexplained(); got != a.Unexplained()+b.Unexplained() {
			t.Fatalf("got %d", got)
		}
	}))
	t.Run("each way for a row to end explains it", func(t *testing.T) {
		table := Table{Source: 16, Written: 1, Gathered: 2, SetAside: 3, Waiting: 4, LeftOut: 5, Read: 99, Changed: 99}
		if got := table.Unexplained(); got != 1 {
			t.Errorf("got %d", got)
		}
	})
}

// counts are the table's numbers by their names in JSON.
func counts(t *rapid.T, table Table) map[string]float64 {
	body, err := json.Marshal(table)
	if err != nil {
		t.Fatal(err)
	}
	fields := map[string]any{}
	if err := json.Unmarshal(body, &fields); err != nil {
		t.Fatal(err)
	}
	out := map[string]float64{}
	for name, field := range fields {
		if n, ok := field.(float64); ok {
			out[name] = n
		}
	}
	return out
}
