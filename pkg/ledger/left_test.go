package ledger

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rehome/pkg/keyspace"
	"rehome/pkg/shard"
)

func TestPlanRedo(t *testing.T) {
	t.Run("any number of shards is planned with the patch, all of them or none", func(t *testing.T) {
		b := newBench(t)
		b.plan("m")
		before, err := b.Left(t.Context(), "m")
		if err != nil {
			t.Fatal(err)
		}
		redos := func(n int, last error) func(func(RedoShard, error) bool) {
			return func(yield func(RedoShard, error) bool) {
				for i := range n {
					if !yield(RedoShard{Of: shard.OfUsers, Wave: 3, List: shard.List{Units: keys(fmt.Sprint(i), fmt.Sprint(100+i))}}, nil) {
						return
					}
				}
				if last != nil {
					yield(RedoShard{}, last)
				}
			}
		}
		broken := errors.New("the legacy database is away")
		if _, err := b.PlanRedo(t.Context(), "m", redos(3, broken), []byte(`{"redo": null}`)); !errors.Is(err, broken) {
			t.Errorf("got %v", err)
		}
		if left, err := b.Left(t.Context(), "m"); err != nil || left != before {
			t.Errorf("left %+v, before %+v: %v", left, before, err)
		}
		n, err := b.PlanRedo(t.Context(), "m", redos(3, nil), []byte(`{"redo": null}`))
		if err != nil || n != 3 {
			t.Fatalf("%d shards: %v", n, err)
		}
		left, err := b.Left(t.Context(), "m")
		if diff := cmp.Diff(Left{Load: before.Load, Redo: 3, Users: 6}, left); diff != "" || err != nil {
			t.Errorf("%v %s", err, diff)
		}
		if got := query[string](b, `SELECT plan::text FROM rehome.migration`); got != `{"redo": null}` {
			t.Errorf("the plan's record is %s", got)
		}
	})
	t.Run("a migration that is not there has nothing to be done again", func(t *testing.T) {
		b := newBench(t)
		if _, err := b.PlanRedo(t.Context(), "m", func(func(RedoShard, error) bool) {}, nil); !errors.Is(err, ErrNotFound) {
			t.Errorf("got %v", err)
		}
	})
}

func TestWaiting(t *testing.T) {
	b := newBench(t)
	b.plan("m")
	own := keyspace.Key{"9"}
	b.exec(`INSERT INTO rehome.waiting (migration, ordinal, generation, entry, user_key, legacy_key, cause, needs_table, needs_key, of_kind, unit_key)
		VALUES ('m', 0, 0, 1, '1', $1, 'waits:a.b', 'app.x', 'k1', 'users', NULL), ('m', 0, 0, 1, '2', $1, 'waits:a.b', 'app.x', 'k2', 'users', NULL),
		       ('m', 0, 0, 1, '2', $1, 'waits:a.c', 'app.y', 'k3', 'users', NULL), ('m', 3, 0, 2, NULL, $1, 'waits:a.b', 'app.x', 'k4', 'unowned', $1),
		       ('m', 3, 0, 2, NULL, $1, 'waits:a.b', 'app.x', 'k5', 'own_key', NULL)`, own.Marshal())
	var pages []string
	seen := map[string]bool{}
	err := b.Waiting(t.Context(), "m", 2, func(table string, rows []shard.Waiter) error {
		pages = append(pages, fmt.Sprint(table, " ", len(rows)))
		for _, w := range rows {
			seen[fmt.Sprint(w.User, w.Kind, w.Own, w.Cause, string(w.NeedsKey))] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"app.x 2", "app.x 1", "app.y 1"}, pages); diff != "" {
		t.Error(diff)
	}
	want := map[string]bool{"[1][]waits:a.bk1": true, "[2][]waits:a.bk2": true, "[2][]waits:a.ck3": true, "[]unowned[9]waits:a.bk4": true}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Error(diff)
	}
	stop := errors.New("enough")
	if err := b.Waiting(t.Context(), "m", 2, func(string, []shard.Waiter) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("got %v", err)
	}
}

func TestRestShards(t *testing.T) {
	b := newBench(t)
	b.plan("m")
	b.exec(`INSERT INTO rehome.shard (migration, ordinal, generation, kind, wave, entry, cell_first, cell_limit, users, weight, parent, state, mapping_hash, receipt, xid)
		SELECT 'm', 10 + n, 0, kind, 2, 1, 0, 0, 0, 1, -1, state, 'hash', CASE state WHEN 'done' THEN '{}'::jsonb END, CASE state WHEN 'done' THEN pg_current_xact_id() END
		  FROM (VALUES (0, 'unowned', 'done'), (1, 'own_key', 'done'), (2, 'own_key', 'planned'), (3, 'own_key', 'split'), (4, 'late', 'done')) AS s (n, kind, state)`)
	shards, err := b.RestShards(t.Context(), "m")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range shards {
		got = append(got, fmt.Sprint(s.Ordinal, " ", s.Kind))
	}
	if diff := cmp.Diff([]string{"10 unowned", "11 own_key"}, got); diff != "" {
		t.Error(diff)
	}
}
