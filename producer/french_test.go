package main_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"rehome/pkg/sandbox"
	"rehome/pkg/sandbox/programs"
)

// TestFrenchMeta moves a real population of eight tables and 15,249 rows, with all of its dirt.
func TestFrenchMeta(t *testing.T) {
	legacy := frenchLegacy(t)
	site := readFrenchSite(t, legacy, false)
	inOne := migrateFrench(t, legacy, frenchMapping(t), 0)

	t.Run("is clean, with exit status 0", func(t *testing.T) {
		if inOne.exit != 0 || inOne.report.Verdict != "clean" || inOne.report.Consistency != "frozen" || len(inOne.report.Reasons) != 0 {
			t.Errorf("exit status %d, %s, %s, %v", inOne.exit, inOne.report.Verdict, inOne.report.Consistency, inOne.report.Reasons)
		}
	})
	t.Run("has every sum as promised", func(t *testing.T) {
		checkFrenchSums(t, site, inOne.report)
		if diff := cmp.Diff(frenchUsers(1703, 1703, 0), inOne.report.Users); diff != "" {
			t.Error(diff)
		}
		want := []frenchWave{{"casual", map[string]int64{"planned": 903, "migrated": 903, "quarantined": 0}, "passed"}, {"regulars", map[string]int64{"planned": 800, "migrated": 800, "quarantined": 0}, "passed"}}
		if diff := cmp.Diff(want, inOne.report.Waves); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("counts what its rules changed: 119 votes have lost their post", func(t *testing.T) {
		want := []frenchRule{
			{"app.users", "about", "empty_to_null", 62}, {"app.users", "location", "trim", 1}, {"app.users", "website", "empty_to_null", 131},
			{"app.posts", "kind", "values", 781}, {"app.badges", "class", "values", 4002}, {"app.votes", "kind", "values", 4349},
			{"app.votes", "post_id", "missing", 119}, {"app.links", "kind", "values", 128},
			{"app.tags", "moderator_only", "if_null", 82}, {"app.tags", "required", "if_null", 90},
		}
		if diff := cmp.Diff(want, inOne.report.Rules); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("leaves out the 6 links whose post is gone", func(t *testing.T) {
		if n := inOne.report.table(t, "app.links").LeftOut; n != 6 {
			t.Errorf("%d rows of app.links are left out", n)
		}
	})
	t.Run("has every constraint of the schema again, and valid", func(t *testing.T) { checkFrenchConstraints(t, inOne) })
	t.Run("has every column of every row", func(t *testing.T) { site.compare(t, inOne.target) })

	for _, workers := range []int{1, 2, 4} {
		t.Run(fmt.Sprintf("is byte for byte the same as three programs with %d workers", workers), func(t *testing.T) {
			apart := migrateFrench(t, legacy, frenchMapping(t), workers)
			if apart.exit != 0 || apart.dump != inOne.dump {
				t.Errorf("exit status %d, dump of %d bytes: %s", apart.exit, len(apart.dump), firstDifference(inOne.dump, apart.dump))
			}
			if diff := cmp.Diff(timeless(t, inOne.raw), timeless(t, apart.raw)); diff != "" {
				t.Errorf("the reports differ (-in one process +apart):\n%s", diff)
			}
		})
	}
}

// TestFrenchMetaWithBareNames maps the display name as it is, which 61 users share with others.
func TestFrenchMetaWithBareNames(t *testing.T) {
	legacy := frenchLegacy(t)
	site := readFrenchSite(t, legacy, true)
	if names, ids := site.shared(); names != 27 || len(ids) != 61 {
		t.Fatalf("%d users share %d names, and should be 61 and 27", len(ids), names)
	}
	mapping := regexp.MustCompile(`(?m)^( +handle: ).*`).ReplaceAllString(frenchMapping(t), "$1 DisplayName")

	var first *frenchOutcome
	for _, workers := range []int{0, 1, 2, 4} {
		t.Run(fmt.Sprintf("quarantines exactly these users with %d workers", workers), func(t *testing.T) {
			got := migrateFrench(t, legacy, mapping, workers)
			if got.exit != 4 || got.report.Verdict != "unclean" {
				t.Errorf("exit status %d, %s", got.exit, got.report.Verdict)
			}
			_, ids := site.shared()
			if diff := cmp.Diff(ids, quarantined(t, got.target)); diff != "" {
				t.Errorf("the quarantined users differ (-legacy +target):\n%s", diff)
			}
			if diff := cmp.Diff(frenchUsers(1703, 1642, 61), got.report.Users); diff != "" {
				t.Error(diff)
			}
			checkFrenchSums(t, site, got.report)
			checkFrenchConstraints(t, got)
			if first == nil {
				first = got
				site.compare(t, got.target)
				return
			}
			if diff := cmp.Diff(timeless(t, first.raw), timeless(t, got.raw)); diff != "" {
				t.Errorf("the reports differ:\n%s", diff)
			}
			if got.dump != first.dump {
				t.Error(firstDifference(first.dump, got.dump))
			}
		})
	}
}

func frenchMapping(t *testing.T) string { return frenchFile(t, "migration.yaml") }

func frenchFile(t *testing.T, name string) string {
	t.Helper()
	file, err := os.ReadFile("testdata/french/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(file)
}

// shared returns how many names are used more than once, and the users who do so, in order of Id.
func (s *frenchSite) shared() (names int, ids []int) {
	for _, same := range s.namesakes() {
		if len(same) < 2 {
			continue
		}
		names++
		for _, id := range same {
			ids = append(ids, must(strconv.Atoi(id)))
		}
	}
	slices.Sort(ids)
	return names, ids
}

func quarantined(t *testing.T, dsn string) []int {
	t.Helper()
	return column[int](t, dsn, `
		SELECT convert_from(user_key, 'UTF8')::int FROM rehome.user_state
		WHERE state = 'quarantined' AND cause = 'unique:app.users.users_handle_key' ORDER BY 1`)
}

// column returns the values of a query's only column.
func column[T any](t *testing.T, dsn, query string) []T {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	rows, err := conn.Query(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	values, err := pgx.CollectRows(rows, pgx.RowTo[T])
	if err != nil {
		t.Fatal(err)
	}
	return values
}

// A frenchOutcome is what a run has left behind.
type frenchOutcome struct {
	exit   int
	target string // a DSN
	dump   string
	raw    string // the report
	report *frenchReport
}

// migrateFrench migrates into a new target: in one process, or with that many worker processes, an aggregator and a NATS server.
func migrateFrench(t *testing.T, legacy, mapping string, workers int) *frenchOutcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	o := &frenchOutcome{target: sandbox.Postgres(t)}
	conn, err := pgx.Connect(ctx, o.target)
	if err != nil {
		t.Fatal(err)
	}
	_, err = conn.Exec(ctx, frenchFile(t, "target.sql"))
	if err := conn.Close(ctx); err != nil {
		t.Fatal(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	env := []string{"LEGACY_DSN=" + legacy, "TARGET_DSN=" + o.target}
	var others []*programs.Process
	if workers > 0 {
		env = append(env, "NATS_URL="+sandbox.NATS(t).URL())
		others = append(others, programs.Start(t, programs.Aggregator, env))
	}
	for range workers {
		others = append(others, programs.Start(t, programs.Worker, env, "--slots", "1"))
	}
	dir := programs.NewDir(t)
	dir.Write(t, "migration.yaml", mapping)
	run := dir.Start(t, programs.Producer, env, "run", "--format", "json")
	o.exit, o.raw = run.Wait(ctx), run.Stdout()
	for _, p := range others {
		p.Terminate()
		if exit := p.Wait(ctx); exit != 0 {
			t.Errorf("a program that was asked to stop ends with %d", exit)
		}
	}
	if err := json.Unmarshal([]byte(o.raw), &o.report); err != nil {
		t.Fatalf("producer run writes %q: %v", o.raw, err)
	}
	again := programs.Start(t, programs.Aggregator, env[:2], "report", "--format", "json")
	exit := again.Wait(ctx)
	if diff := cmp.Diff(timeless(t, o.raw), timeless(t, again.Stdout())); exit != o.exit || diff != "" {
		t.Errorf("the aggregator's report ends with %d and differs from the producer's:\n%s", exit, diff)
	}
	o.dump = programs.Dump(t, o.target)
	return o
}
