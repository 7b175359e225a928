package report

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rehome/pkg/checksum"
	"rehome/pkg/shard"
)

var (
	begun = time.Date(2026, 3, 1, 22, 0, 0, 0, time.UTC)
	ended = begun.Add(2*time.Hour + 4*time.Minute)
	row   = checksum.Row("app.users", []byte("row"))
)

// clean are the facts of a run that is over and to which nothing has happened.
func clean() Facts {
	return Facts{
		Migration: "community", Run: "mzq4kx", Rehome: "1.0.0", Mappings: []string{"3f2a"},
		Entries: []Entry{{Into: "app.users", From: "users", Rows: 10}},
		Users:   Users{Planned: 10, Migrated: 10},
		Shards:  Shards{Planned: 2, Done: 2},
		Sums:    []shard.Table{{Source: 10, Read: 10, Written: 10, Expected: row, Stored: row}},
		Closing: &Closing{
			Consistency: "frozen", Rows: []int64{10}, Finished: ended,
			Legacy:      []Legacy{{Table: "users", Rows: 10, Used: 10}},
			Constraints: []Constraint{{Name: "users_pkey", Table: "app.users", State: "valid"}},
			Sequences:   []Sequence{{Name: "app.users_id_seq", State: "ok"}},
		},
		Started: begun, Now: ended.Add(time.Hour),
	}
}

const notEnded = "the load has not been ended yet: constraints, sequences and closing counts are still to be done"

func TestVerdict(t *testing.T) {
	quarantine := func(f *Facts) {
		f.Users.Migrated, f.Users.Quarantined = 8, 2
		f.Sums[0].Written, f.Sums[0].SetAside = 8, 2
	}
	for name, test := range map[string]struct {
		change  func(f *Facts)
		exit    int
		verdict string
		reasons []string
	}{
		"all of it arrived": {func(*Facts) {}, 0, Clean, []string{}},
		"a converged source is as good as a frozen one": {
			func(f *Facts) { f.Closing.Consistency, f.Closing.Rows[0] = "converged", 12 }, 0, Clean, []string{},
		},
		"a source that is followed may have more rows by now": {
			func(f *Facts) { f.Closing.Consistency, f.Closing.Rows[0] = "following", 12 }, 0, Clean, []string{},
		},
		"rows that a rule leaves out are explained": {
			func(f *Facts) { f.Sums[0].Written, f.Sums[0].LeftOut = 7, 3 }, 0, Clean, []string{},
		},
		"users who came and went while nobody watched are explained": {
			func(f *Facts) { f.Closing.Consistency, f.Users.Appeared, f.Users.Vanished = "converged", 3, 3 }, 0, Clean, []string{},
		},
		"a row is missing": {
			func(f *Facts) { f.Sums[0].Written = 9 }, 3, Unclean, []string{"1 row of app.users is unexplained"},
		},
		"rows arrived twice": {
			func(f *Facts) { f.Sums[0].Written = 1012 }, 3, Unclean, []string{"-1,002 rows of app.users are unexplained"},
		},
		"a row that no shard covers": {
			func(f *Facts) { f.Closing.Rows[0] = 11 }, 3, Unclean, []string{"1 row of app.users is unexplained"},
		},
		"a row too many does not make up for one that no shard covers": {
			func(f *Facts) { f.Closing.Rows[0], f.Sums[0].Written = 11, 11 }, 3, Unclean, []string{"-2 rows of app.users are unexplained"},
		},
		"less was read than counted": {
			func(f *Facts) { f.Sums[0].Read = 9 }, 3, Unclean, []string{"app.users: 9 rows were read, and 10 counted"},
		},
		"what is stored was not sent": {
			func(f *Facts) { f.Sums[0].Stored = row.Add(row) }, 3, Unclean, []string{"app.users: what is stored is not what was sent"},
		},
		"rows of one of several entries of a table": {
			func(f *Facts) {
				f.Entries = append(f.Entries, Entry{Into: "app.users", From: "usermeta", Rows: 5})
				f.Sums = append(f.Sums, shard.Table{Entry: 1, Source: 5, Read: 5, Gathered: 3, SetAside: 1, LeftOut: 1})
				f.Closing.Rows = append(f.Closing.Rows, 5)
			}, 4, Unclean, []string{"1 row of app.users from usermeta is set aside"},
		},
		"no row has a sum": {
			func(f *Facts) { f.Sums[0].Written, f.Sums[0].LeftOut = 0, 10 }, 3, Unclean, []string{"app.users: the sum of no row is not zero"},
		},
		"rows of a joined table are not used": {
			func(f *Facts) { f.Closing.Legacy[0].Unexplained = 4 }, 3, Unclean, []string{"4 rows of the legacy table users are unexplained"},
		},
		"a user is missing": {
			func(f *Facts) { f.Users.Migrated = 9 }, 3, Unclean, []string{"1 user is unexplained"},
		},
		"users came and went in a source that stood still": {
			func(f *Facts) { f.Users.Appeared, f.Users.Vanished = 1, 1 }, 3, Unclean,
			[]string{"1 user appeared and 1 vanished though nothing was changed in the source"},
		},
		"users came and went before they were done again, and nothing was changed since": {
			func(f *Facts) { f.Closing.Again, f.Users.Appeared, f.Users.Vanished = true, 1, 1 }, 0, Clean, []string{},
		},
		"a constraint is violated": {
			func(f *Facts) { f.Closing.Constraints[0].State = "violated" }, 3, Unclean, []string{"constraint users_pkey of app.users is violated"},
		},
		"a constraint is off": {
			func(f *Facts) { f.Closing.Constraints[0].State = "off" }, 3, Unclean, []string{"constraint users_pkey of app.users is off"},
		},
		"a sequence is behind": {
			func(f *Facts) { f.Closing.Sequences[0].State = "behind" }, 3, Unclean, []string{"sequence app.users_id_seq is behind"},
		},
		"a fed table holds what was written": {
			func(f *Facts) { f.Closing.Standing = []Standing{{Table: "app.users", Rows: 10}} }, 0, Clean, []string{},
		},
		"somebody else wrote into a fed table": {
			func(f *Facts) { f.Closing.Standing = []Standing{{Table: "app.users", Rows: 11}} }, 3, Unclean,
			[]string{"app.users holds 11 rows, and 10 rows were written: somebody else has changed it"},
		},
		"somebody else wrote into a fed table since the load ended": {
			func(f *Facts) { f.Closing.Again, f.Closing.Standing = true, []Standing{{Table: "app.users", Rows: 7}} }, 0, Clean, []string{},
		},
		"rows are in conflict with the target's own changes": {
			func(f *Facts) {
				f.Conflicts = []Conflict{{Table: "app.users", Kind: "changed", Rows: 3, Settled: 1}, {Table: "app.users", Kind: "added", Rows: 1}}
			}, 4, Unclean, []string{"3 rows are in conflict with the target's own changes: kept as they are"},
		},
		"a conflict in which the legacy database won is over": {
			func(f *Facts) { f.Conflicts = []Conflict{{Table: "app.users", Kind: "changed", Rows: 3, Settled: 3}} }, 0, Clean, []string{},
		},
		"users are quarantined": {quarantine, 4, Unclean, []string{"2 rows of app.users are set aside", "2 users are quarantined"}},
		"one row is set aside": {
			func(f *Facts) { f.Sums[0].Written, f.Sums[0].SetAside = 9, 1 }, 4, Unclean, []string{"1 row of app.users is set aside"},
		},
		"rows wait": {
			func(f *Facts) { f.Sums[0].Written, f.Sums[0].Waiting = 8, 2 }, 4, Unclean, []string{"2 rows of app.users wait for a row that is not there"},
		},
		"one row waits": {
			func(f *Facts) { f.Sums[0].Written, f.Sums[0].Waiting = 9, 1 }, 4, Unclean, []string{"1 row of app.users waits for a row that is not there"},
		},
		"a shard is dead": {
			func(f *Facts) { f.Shards.Done, f.Shards.Dead, f.Users.Migrated, f.Users.Pending = 1, 1, 7, 3 }, 4, Unclean,
			[]string{"1 shard is dead, which leaves 3 users to be done"},
		},
		"a user is pending though every shard is done": {
			func(f *Facts) { f.Users.Migrated, f.Users.Pending = 9, 1 }, 4, Unclean, []string{"1 user is still to be done"},
		},
		"the source is not proved unchanged": {
			func(f *Facts) { f.Closing.Consistency = "unproved" }, 4, Unclean, []string{"source not proved unchanged"},
		},
		"the source is not proved unchanged, and somebody said why that will do": {
			func(f *Facts) { f.Closing.Consistency, f.Accepted = "unproved", "the site was off" }, 0, Clean, []string{},
		},
		"wrong outweighs kept out, whichever is found first": {
			func(f *Facts) {
				quarantine(f)
				f.Closing.Sequences[0].State = "behind"
			}, 3, Unclean, []string{"2 rows of app.users are set aside", "2 users are quarantined", "sequence app.users_id_seq is behind"},
		},
		"wrong outweighs kept out that is found later": {
			func(f *Facts) { f.Sums[0].Read, f.Closing.Consistency = 9, "unproved" }, 3, Unclean,
			[]string{"app.users: 9 rows were read, and 10 counted", "source not proved unchanged"},
		},
		"a shard is still to be done": {
			func(f *Facts) {
				f.Shards.Done, f.Shards.Pending, f.Users.Migrated, f.Users.Pending, f.Closing = 1, 1, 7, 3, nil
			}, 7, Incomplete,
			[]string{"1 shard and 3 users are still to be done"},
		},
		"the end of the load is still to come": {
			func(f *Facts) { f.Closing = nil }, 7, Incomplete, []string{notEnded},
		},
		"a shard is dead, and others are still to be done": {
			func(f *Facts) {
				f.Shards, f.Users.Migrated, f.Users.Pending, f.Closing = Shards{Planned: 2, Dead: 1, Pending: 1}, 0, 10, nil
			}, 7, Incomplete,
			[]string{"1 shard and 10 users are still to be done", "1 shard is dead"},
		},
		"a shard that came after the end is still to be done": {
			func(f *Facts) { f.Shards.Planned, f.Shards.Pending = 3, 1 }, 7, Incomplete, []string{"1 shard and 0 users are still to be done"},
		},
		"not over outweighs wrong, which is told all the same": {
			func(f *Facts) { f.Closing, f.Sums[0].Stored = nil, row.Add(row) }, 7, Incomplete,
			[]string{notEnded, "app.users: what is stored is not what was sent"},
		},
		"what is off during the load is no reason": {
			func(f *Facts) {
				f.Closing, f.Off = nil, []Constraint{{Name: "users_fk", Table: "app.users", State: "off"}}
			}, 7, Incomplete,
			[]string{notEnded},
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := clean()
			test.change(&f)
			r := Build(f)
			if r.Exit() != test.exit || r.Verdict != test.verdict {
				t.Errorf("got %s with exit status %d, want %s with %d", r.Verdict, r.Exit(), test.verdict, test.exit)
			}
			if diff := cmp.Diff(test.reasons, r.Reasons); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestBuild(t *testing.T) {
	t.Run("a run that is over took as long as it took, and one that is not takes until now", func(t *testing.T) {
		f := clean()
		if r := Build(f); r.Seconds != 7440 || !r.FinishedAt.Equal(ended) {
			t.Errorf("got %v, %v", r.Seconds, r.FinishedAt)
		}
		f.Closing, f.Sums[0].Written = nil, 1<<40
		if r := Build(f); r.Seconds != 11040 || r.FinishedAt != nil || r.RowsPerSec != (1<<40)/11040 {
			t.Errorf("got %v, %v, %d rows/s", r.Seconds, r.FinishedAt, r.RowsPerSec)
		}
	})
	t.Run("a clock that is behind makes no negative time and no rate", func(t *testing.T) {
		f := clean()
		f.Closing, f.Now = nil, begun.Add(-time.Minute)
		if r := Build(f); r.Seconds != 0 || r.RowsPerSec != 0 {
			t.Errorf("got %v seconds, %d rows/s", r.Seconds, r.RowsPerSec)
		}
	})
	t.Run("what is off is told while nothing else is known of constraints", func(t *testing.T) {
		f := clean()
		f.Closing, f.Off = nil, []Constraint{{Name: "users_fk", Table: "app.users", State: "off"}}
		if diff := cmp.Diff(f.Off, Build(f).Constraints); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("rules of two entries of a table are one sum, and what was taken out again is none", func(t *testing.T) {
		f := clean()
		f.Entries = append(f.Entries, Entry{Into: "app.users", From: "guests"}, Entry{Into: "app.posts", From: "posts"})
		f.Sums = append(f.Sums, shard.Table{}, shard.Table{})
		f.Closing.Rows = []int64{10, 0, 0}
		f.Rules = []shard.Rule{
			{Entry: 0, Column: "name", Rule: "trim", Rows: 3}, {Entry: 0, Column: "name", Rule: "lower", Rows: 2},
			{Entry: 1, Column: "name", Rule: "trim", Rows: 4}, {Entry: 2, Column: "body", Rule: "trim", Rows: 1}, {Entry: 2, Column: "body", Rule: "trim", Rows: -1},
		}
		want := []Rule{{Table: "app.users", Column: "name", Rule: "trim", Rows: 7}, {Table: "app.users", Column: "name", Rule: "lower", Rows: 2}}
		if diff := cmp.Diff(want, Build(f).Rules); diff != "" {
			t.Error(diff)
		}
	})
}
