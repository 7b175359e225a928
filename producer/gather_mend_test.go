package main_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rehome/pkg/report"
	"rehome/pkg/sandbox/programs"
)

// People whose row is not there, does not stay in the target, or waits: their attributes have nowhere to go.
const (
	peopleLegacy = `CREATE TABLE users (id INT PRIMARY KEY, name VARCHAR(20)); INSERT INTO users VALUES (1,'a'),(2,'b'),(3,'c'),(4,'d'),(5,'e'),(6,'f');
		CREATE TABLE people (uid INT PRIMARY KEY, boss INT); INSERT INTO people VALUES (1,NULL),(2,77),(3,1),(4,3),(5,1),(9,1);
		CREATE TABLE meta (id INT PRIMARY KEY, uid INT, k VARCHAR(20), v TEXT, KEY (uid));
		INSERT INTO meta VALUES (1,1,'town','Ulm'),(2,2,'town','Bonn'),(3,3,'nick','x'),(4,4,'town','Kiel'),(5,4,'token','x'),(6,6,'town','Jena'),(7,9,'town','Celle');`
	peopleTarget = `CREATE SCHEMA app; CREATE TABLE app.users (id uuid PRIMARY KEY, name text);
		CREATE TABLE app.people (id uuid PRIMARY KEY, boss uuid REFERENCES app.people, town text);`
	peopleMapping = labHead + `users: {from: users, key: id, shard_rows: 3}
tables:
  - {into: app.users, from: users, user: id, columns: {id: {uuid: user, of: id}, name: name}}
  - into: app.people
    from: people
    user: uid
    columns: {id: {uuid: person, of: uid}, boss: {uuid: person, of: boss}}
    gather: {from: meta, user: uid, name: k, value: v, columns: {town: town}, leave: {token: worthless}}
    ignore: {id: drawn anew}
`
)

func TestAttributesWithoutARow(t *testing.T) {
	homeless := false
	l := newLab(t, peopleLegacy, peopleTarget, peopleMapping)
	for _, f := range l.checks(5, "--full").Findings {
		switch {
		case f.Cause == "gather:app.people" && slices.Equal(f.Samples, []string{"6"}):
			if f.Rows != 1 || f.Users != 1 || !strings.HasPrefix(f.Fix, "write unowned: leave") || f.Path != "tables[1].gather" {
				t.Errorf("%+v", f)
			}
			homeless = true
		case f.Cause == "unowned:app.people" && !strings.HasPrefix(f.Fix, "write unowned: leave at the entry"):
			t.Errorf("%+v", f)
		}
	}
	if !homeless {
		t.Error("check does not see the attributes of a user who has no row")
	}
	r := l.reports(4)
	meta := tableFrom(t, r, "meta")
	if got := []int64{meta.Source, meta.Read, meta.Gathered, meta.LeftOut, meta.SetAside, meta.Waiting, meta.Unexplained}; !slices.Equal(got, []int64{7, 7, 1, 0, 6, 0, 0}) {
		t.Errorf("source, read, gathered, left out, set aside, waiting, unexplained of meta: %d", got)
	}
	people := tableFrom(t, r, "people")
	if got := []int64{people.Source, people.Written, people.SetAside, people.Waiting, people.Unexplained}; !slices.Equal(got, []int64{6, 2, 2, 2, 0}) {
		t.Errorf("source, written, set aside, waiting, unexplained of people: %d", got)
	}
	if r.Users.Quarantined != 2 {
		t.Errorf("%d users are quarantined", r.Users.Quarantined)
	}
	l.holds("1", `SELECT count(*) FROM app.people WHERE town = 'Ulm'`)
	l.holds("1", `SELECT count(*) FROM app.people WHERE town IS NULL`)
}

// TestAttributesAreMended compares a run whose mapping was mended with one that had the mended mapping from the start.
func TestAttributesAreMended(t *testing.T) {
	mended := strings.NewReplacer("    user: uid\n", "    user: uid\n    unowned: leave\n", "leave: {token", "leave: {nick: nobody knows it, token",
		"of: boss}", "of: boss, missing: to_null}").Replace(peopleMapping)
	fresh := newLab(t, peopleLegacy, peopleTarget, mended)
	want := fresh.reports(0)
	l := newLab(t, peopleLegacy, peopleTarget, peopleMapping)
	l.reports(4)
	l.dir.Write(t, "migration.yaml", mended)
	got := l.reports(0)
	for i, table := range got.Tables {
		table.Changed, want.Tables[i].Changed = 0, 0
		if table != want.Tables[i] {
			t.Errorf("got %+v, want %+v", table, want.Tables[i])
		}
	}
	if meta := tableFrom(t, got, "meta"); meta.Gathered != 3 || meta.LeftOut != 4 {
		t.Errorf("%+v", meta)
	}
	if got.Verdict != report.Clean {
		t.Errorf("it is %s", got.Verdict)
	}
	if diff := cmp.Diff(programs.Dump(t, fresh.target), programs.Dump(t, l.target)); diff != "" {
		t.Error(diff)
	}
}
