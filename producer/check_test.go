package main_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rehome/pkg/preflight"
	"rehome/pkg/sandbox/community"
)

// checks looks at the data, which must end with the given status.
func (l *lab) checks(exit int, args ...string) (r preflight.Result) {
	l.Helper()
	p := l.start("", append([]string{"check", "--output", "json"}, args...)...)
	if got := p.Wait(l.ctx); got != exit {
		l.Fatalf("producer check ends with %d, want %d:\n%s%s", got, exit, p.Stdout(), p.Stderr())
	}
	if p.Stderr() != "" {
		l.Errorf("standard error has %q", p.Stderr())
	}
	if err := json.Unmarshal([]byte(p.Stdout()), &r); err != nil {
		l.Fatal(err)
	}
	return r
}

// communityLab is a generated community with all its oddities.
func communityLab(t *testing.T, users int, target, mapping string) (*lab, community.Facts) {
	t.Helper()
	l := newLab(t, `SELECT 1`, community.Schema()+target, mapping)
	facts, err := community.Generate(t.Context(), l.legacy, community.Options{Users: users, Seed: 11})
	if err != nil {
		t.Fatal(err)
	}
	return l, facts
}

// edited is the community's mapping with each old text replaced by the new one behind it.
func edited(t *testing.T, edits ...string) string {
	t.Helper()
	mapping := string(community.Mapping())
	for i := 0; i < len(edits); i += 2 {
		if strings.Count(mapping, edits[i]) != 1 {
			t.Fatalf("%q is %d times in the mapping", edits[i], strings.Count(mapping, edits[i]))
		}
		mapping = strings.Replace(mapping, edits[i], edits[i+1], 1)
	}
	return mapping
}

// met is what becomes of the rows of one cause.
type met struct{ Rows, Users int64 }

// found sums up the findings of a severity by cause, without those that only the target's state or the limit explains.
func found(r preflight.Result, s preflight.Severity, keep func(cause string) bool) map[string]met {
	out := map[string]met{}
	for _, f := range r.Findings {
		if f.Severity == s && f.Cause != "" && keep(f.Cause) && f.Rows > 0 {
			m := out[f.Cause]
			out[f.Cause] = met{m.Rows + f.Rows, m.Users + f.Users}
		}
	}
	return out
}

func every(string) bool { return true }

const noLimit = "\nstop: {quarantined: 100%}\n"

func TestCheckOfTheCommunity(t *testing.T) {
	l, facts := communityLab(t, 600, "", string(community.Mapping()))
	r := l.checks(0, "--full")
	want := map[string]int64{
		"zero_date:app.users.registered_at": facts.ZeroRegistrations, "zero_date:app.users.last_login_at": facts.ZeroLogins,
		"zero_date:app.users.birthday": facts.ZeroBirthdays, "partial_date:app.users.birthday": facts.PartialBirthdays,
		"too_long:app.users.name": facts.LongNicks, "nul_byte:app.users.bio": facts.NULBios, "bad_text:app.users.signature": facts.CP1252Signatures,
		"out_of_range:app.users.height_mm": facts.HeightSentinels, "missing:app.users.pinned_post_id": facts.PinnedGone,
		"rest:settings": facts.SettingsTokens, "unowned:app.settings": facts.SettingsOfGone, "missing:app.posts.parent_id": facts.PostsParentGone,
		"missing:app.posts.accepted_answer_id": facts.PostsAcceptedGone, "too_long:app.posts.title": facts.PostsLongTitles,
		"nul_byte:app.posts.body": facts.PostsNUL, "zero_date:app.posts.created_at": facts.PostsZeroCreated, "missing:app.comments.post_id": facts.CommentsOnGone,
		"unowned:app.follows": facts.FollowsOfGone, "missing:app.follows.followee_id": facts.FollowsToGone,
		"missing:app.posts.author_id": facts.PostsOfGone, "missing:app.orders.user_id": facts.OrdersOfGone,
	}
	got := map[string]int64{}
	for cause, m := range found(r, preflight.Information, every) {
		got[cause] = m.Rows
	}
	left := got["missing:app.comments.author_id"] // but for comments on gone posts, which are left out before
	delete(got, "missing:app.comments.author_id")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what the rules do (-generated +found):\n%s", diff)
	}
	if left == 0 || left > facts.CommentsOfGone {
		t.Errorf("%d comments of gone users, of %d", left, facts.CommentsOfGone)
	}
	if s := r.LookedAt; !s.Full || s.Users != 600 || s.AllUsers != 600 || s.Rows != facts.Rows()-facts.Profiles+facts.Categories-facts.SettingsTokens {
		t.Errorf("looked at %+v", s)
	}

	t.Run("the run changes what check said", func(t *testing.T) {
		changed := map[string]int64{}
		for _, rule := range l.reports(0).Rules {
			if n := rule.Rule + ":" + rule.Table + "." + rule.Column; got[n] > 0 || n == "missing:app.comments.author_id" {
				changed[n] = rule.Rows
			}
		}
		got["missing:app.comments.author_id"] = left
		maps.DeleteFunc(got, func(cause string, _ int64) bool {
			return slices.Contains([]string{"rest:settings", "unowned:app.settings", "unowned:app.follows", "missing:app.follows.followee_id",
				"missing:app.comments.post_id"}, cause) // they leave rows out
		})
		if diff := cmp.Diff(got, changed); diff != "" {
			t.Errorf("-check +run:\n%s", diff)
		}
	})
}

// beginner is the mapping of somebody who has hardly a rule for any oddity.
var beginner = []string{"\nzero_date: to_null\nnul_byte: strip\n", noLimit, ", too_long: truncate, if_null", ", if_null", `, "": unknown`, "",
	"is_active:      {sql: users.active, values: {-1: 0, 0: 0, 1: 1, 2: 1}, if_null: 0}", "is_active:      {sql: users.active, if_null: 0}",
	"{sql: users.birthday, partial_date: first}", "users.birthday", "bad_text: cp1252", "bad_text: reject", ", out_of_range: to_null", "",
	"{sql: profiles.extra, steps: [empty_to_null]}", "profiles.extra", ", otherwise: {to: other}", "",
	"[trim, empty_to_null], too_long: truncate", "[trim, empty_to_null]", ", otherwise: {to: unknown}", "", `["%Y-%m-%d", "%d.%m.%Y"]`, `["%Y-%m-%d"]`,
	"    user: posts.user_id\n    unowned: migrate\n", "    user: posts.user_id\n",
	`"IF(EXISTS(SELECT 1 FROM users AS o WHERE o.login = users.login AND o.id < users.id), CONCAT(users.login, '-', users.id), users.login)"`,
	"users.login"}

// narrow is a target in which not all mails have room, nor all credits.
const narrow = `CREATE UNIQUE INDEX mails ON app.users (email); ALTER TABLE app.users ALTER credits TYPE bigint;`

func TestCheckSaysWhatTheRunWouldRefuse(t *testing.T) {
	l, facts := communityLab(t, 600, narrow, edited(t, beginner...))
	r := l.checks(5, "--full")
	t.Run("of each oddity it finds as many as were made", func(t *testing.T) {
		got := map[string]int64{}
		for _, f := range r.Findings {
			if kind, _, _ := strings.Cut(f.Cause, ":"); f.Severity == preflight.Problem && kind != "unique" {
				got[f.Cause] += f.Rows + f.Behind
			}
		}
		want := map[string]int64{
			"zero_date:app.users.registered_at": facts.ZeroRegistrations, "zero_date:app.users.last_login_at": facts.ZeroLogins,
			"zero_date:app.users.birthday": facts.ZeroBirthdays, "partial_date:app.users.birthday": facts.PartialBirthdays,
			"too_long:app.users.name": facts.LongNicks, "nul_byte:app.users.bio": facts.NULBios, "bad_text:app.users.signature": facts.CP1252Signatures,
			"out_of_range:app.users.height_mm": facts.HeightSentinels, "out_of_range:app.users.credits": facts.BigCredits,
			"out_of_range:app.users.is_active": facts.OddFlags, "values:app.users.status": facts.StatusErrors, "json:app.users.preferences": facts.EmptyExtras,
			"unowned:app.posts": facts.PostsOfGone + facts.PostsWithoutUser, "date:app.orders.invoiced_on": facts.OrdersGermanDates,
			"values:app.orders.status": facts.OrdersOddState,
		}
		// Of posts that belong to nobody nothing else is looked at.
		owned := `SELECT COUNT(*) FROM posts JOIN users ON users.id = posts.user_id WHERE `
		want["values:app.posts.kind"] = l.askLegacy(owned + `posts.type NOT IN (1, 2)`)
		want["nul_byte:app.posts.body"] = l.askLegacy(owned + `INSTR(posts.body, CHAR(0)) > 0`)
		want["too_long:app.posts.title"] = l.askLegacy(owned + `CHAR_LENGTH(posts.title) > 120`)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-generated +found:\n%s", diff)
		}
	})
	t.Run("the run sets just these users and rows aside, by these causes", func(t *testing.T) {
		if diff := cmp.Diff(found(r, preflight.Problem, every), l.refuses()); diff != "" {
			t.Errorf("-check +run:\n%s", diff)
		}
	})
	t.Run("a sample names the same causes, and says what it did not look at", func(t *testing.T) {
		sample := l.checks(5, "--sample", "300")
		if s := sample.LookedAt; s.Full || s.Users != 300 || s.AllUsers != 600 {
			t.Errorf("looked at %+v", s)
		}
		all := found(r, preflight.Problem, every)
		for cause, m := range found(sample, preflight.Problem, every) {
			if m.Rows > all[cause].Rows {
				t.Errorf("%s: %d rows of a sample, %d of all", cause, m.Rows, all[cause].Rows)
			}
		}
		if !slices.Contains(sample.NotChecked, "duplicates under mails of app.users: --full looks for them") {
			t.Errorf("not checked: %q", sample.NotChecked)
		}
	})
}

// refuses runs the migration and returns what it sets aside by cause, without the rows that wait for those.
func (l *lab) refuses() map[string]met {
	l.Helper()
	out := map[string]met{}
	for _, c := range l.reports(4).Causes {
		if !strings.HasPrefix(c.Cause, "waits:") {
			out[c.Cause] = met{c.Rows, c.Users}
		}
	}
	return out
}

func TestCheckSaysWhatTheTargetAloneWouldRefuse(t *testing.T) {
	l, facts := communityLab(t, 600, narrow, edited(t, append(beginner, "steps: [trim, lower]}\n      value", "steps: [trim]}\n      value")...))
	got, run := found(l.checks(5, "--full"), preflight.Problem, every), l.refuses()
	if n := got["check:app.settings.settings_key_check"]; n.Rows == 0 || n.Rows > facts.SettingsKeyVariants {
		t.Errorf("%d rows of %d", n.Rows, facts.SettingsKeyVariants)
	}
	users := func(all map[string]met) map[string]int64 {
		out := map[string]int64{}
		for cause, m := range all {
			if out[cause] = m.Users; got[cause].Rows < m.Rows { // once the target refuses a user, the run looks at none of the other rows
				t.Errorf("%s: the run sets %d rows aside, and check found %d", cause, m.Rows, got[cause].Rows)
			}
		}
		return out
	}
	if diff := cmp.Diff(users(got), users(run)); diff != "" {
		t.Errorf("users by cause (-check +run):\n%s", diff)
	}
}

// askLegacy returns the one number that the query yields.
func (l *lab) askLegacy(query string) (n int64) {
	l.Helper()
	db := l.openLegacy()
	defer db.Close()
	if err := db.QueryRowContext(l.ctx, query).Scan(&n); err != nil {
		l.Fatalf("%s: %v", query, err)
	}
	return n
}

func TestCheckFindsWhatWouldWait(t *testing.T) {
	l, facts := communityLab(t, 300, "", edited(t, "of: posts.parent_id, missing: to_null", "of: posts.parent_id", "of: post_id, missing: leave", "of: post_id"))
	r := l.checks(5, "--full")
	want := map[string]met{"waits:app.posts.parent_id": {Rows: facts.PostsParentGone}, "waits:app.comments.post_id": {Rows: facts.CommentsOnGone}}
	if diff := cmp.Diff(want, found(r, preflight.Problem, every)); diff != "" {
		t.Errorf("-generated +found:\n%s", diff)
	}
	run := map[string]met{}
	for _, c := range l.reports(4).Causes {
		run[c.Cause] = met{c.Rows, c.Users}
	}
	// Rows that wait for rows that wait are the run's to find.
	if run["waits:app.posts.parent_id"].Rows < facts.PostsParentGone || run["waits:app.comments.post_id"].Rows < facts.CommentsOnGone {
		t.Errorf("the run lets %+v wait", run)
	}
}
