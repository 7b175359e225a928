package main_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestRedoKilled kills a run in which users and rows are done again, at every place that has something between it and the next, and looks
// whether it is then as if it had not begun, and the next start does it.
func TestRedoKilled(t *testing.T) {
	const (
		theirs = `UPDATE app.users SET kind = 'theirs' WHERE lid = 5; DELETE FROM app.posts WHERE lid = 7; CREATE TABLE app.likes (post uuid REFERENCES app.posts ON DELETE CASCADE);
			INSERT INTO app.likes SELECT id FROM app.posts WHERE lid = 1; INSERT INTO app.users VALUES (gen_random_uuid(), 'own', 100, 'own')`
		changed = `UPDATE users SET name = CONCAT(name, '!'); DELETE FROM posts WHERE id = 1`
		rows    = `SELECT (SELECT string_agg(concat_ws(' ', lid, name, kind), ', ' ORDER BY lid) FROM app.users) || '; ' ||
			(SELECT string_agg(lid::text, ' ' ORDER BY lid) FROM app.posts) || '; ' || (SELECT count(*) FROM app.likes)`
		conflicts = `SELECT string_agg(kind || ' ' || entry, ', ' ORDER BY kind, entry) FROM rehome.conflict`
	)
	begin := func(t *testing.T) *lab {
		l := newLab(t, mendLegacy, mendTarget, mendMapping)
		l.does("run", 4)
		l.inTarget(theirs)
		l.inLegacy(changed)
		l.dir.Write(t, "migration.yaml", mended)
		return l
	}
	undisturbed := begin(t)
	undisturbed.does("run --again", 4, "conflict")
	want, found := undisturbed.ask(rows), undisturbed.ask(conflicts)
	if diff := cmp.Diff("1 a! one, 2 b! one, 3 c! nine, 4 d! one, 5 e theirs, 100 own own; 1 2 3 5 6; 1", want); diff != "" {
		t.Error(diff)
	}
	// The row that others refer to stays; that which needs it waits, as the legacy database has the needed row no more.
	for _, point := range []string{"redo_compared:1", "redo_written:1", "redo_written:2", "before_commit:1", "committed:1", "receipt_published:2"} {
		t.Run("it comes to the same when the run dies at "+point, func(t *testing.T) {
			l := begin(t)
			before := l.ask(rows)
			l.diesIn(point, "run", "--again")
			if point == "redo_compared:1" || point == "redo_written:1" || point == "before_commit:1" {
				l.holds(before, rows)
				l.holds("0", `SELECT count(*) FROM rehome.shard WHERE kind = 'redo' AND state <> 'planned'`)
				l.holds("0", `SELECT count(*) FROM rehome.conflict`)
			}
			l.does("run", 4)
			l.holds(want, rows)
			l.holds(found, conflicts)
		})
	}
}
