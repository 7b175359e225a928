package ledger

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"rehome/pkg/keyspace"
	"rehome/pkg/shard"
)

func TestCreate(t *testing.T) {
	t.Run("a plan that breaks off leaves nothing", func(t *testing.T) {
		b := newBench(t)
		broken := errors.New("the legacy database is gone")
		plan := smallPlan("m")
		whole := plan.Cells
		plan.Cells = func(yield func(Cell, error) bool) {
			for c, err := range whole {
				if !yield(c, err) {
					return
				}
			}
			yield(Cell{}, broken)
		}
		if _, err := b.Create(t.Context(), plan); !errors.Is(err, broken) {
			t.Fatalf("got %v", err)
		}
		if left := query[int](b, `SELECT (SELECT count(*) FROM rehome.migration) + (SELECT count(*) FROM rehome.mapping)
			+ (SELECT count(*) FROM pg_class WHERE relname LIKE '%\_\_m')`); left != 0 {
			t.Fatalf("%d things are left", left)
		}
		b.plan("m")
	})
	t.Run("what is created can be loaded", func(t *testing.T) {
		b := newBench(t)
		plan := smallPlan("m")
		plan.Migration.Plan = []byte(`{"rows": [1]}`)
		m, err := b.Create(t.Context(), plan)
		if err != nil {
			t.Fatal(err)
		}
		if len(m.Run) < 16 || len(m.Secret) != 32 || m.State != Planned || m.Halted != nil || string(m.Plan) != `{"rows": [1]}` || m.StartedAt.IsZero() {
			t.Fatalf("got %+v", m)
		}
		again, err := b.Load(t.Context(), "m")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(m, again); diff != "" {
			t.Fatal(diff)
		}
		if canonical, err := b.Mapping(t.Context(), "hash"); err != nil || string(canonical) != "canonical" {
			t.Fatalf("mapping %q, %v", canonical, err)
		}
		var cells []Cell
		for c, err := range b.Cells(t.Context(), "m") {
			if err != nil {
				t.Fatal(err)
			}
			cells = append(cells, c)
		}
		mid := keyspace.Key{"2"}
		if diff := cmp.Diff([]Cell{cell(nil, mid, "1", "2"), cell(mid, nil, "3", "4")}, cells); diff != "" {
			t.Fatal(diff)
		}
	})
	t.Run("a name is planned once", func(t *testing.T) {
		b := newBench(t)
		b.plan("m")
		if _, err := b.Create(t.Context(), smallPlan("m")); !errors.Is(err, ErrExists) {
			t.Fatalf("got %v, want ErrExists", err)
		}
	})
	t.Run("a name that is none is refused", func(t *testing.T) {
		b := newBench(t)
		if _, err := b.Create(t.Context(), smallPlan(`x"; DROP`)); err == nil {
			t.Fatal("it was taken")
		}
	})
	t.Run("two migrations live side by side, also while one is at work", func(t *testing.T) {
		b := newBench(t)
		m := b.plan("m")
		conn := b.connect()
		book := b.begin(conn, b.claim(conn, id(m, 0), Claimed))
		o, block := outcome([]string{"1"})
		if err := book.Block(t.Context(), block); err != nil {
			t.Fatal(err)
		}
		soon, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		other, err := b.Create(soon, smallPlan("state")) // waits for nobody
		if err != nil {
			t.Fatal(err)
		}
		b.claim(b.connect(), id(other, 0), Claimed)
		if err := book.Close(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		if err := book.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		migrations, err := b.Migrations(t.Context())
		if err != nil || len(migrations) != 2 || migrations[0].Name != "m" {
			t.Fatalf("got %+v, %v", migrations, err)
		}
	})
	t.Run("what is not there is not found", func(t *testing.T) {
		b := newBench(t)
		_, load := b.Load(t.Context(), "x")
		_, mapping := b.Mapping(t.Context(), "x")
		_, add := b.AddShards(t.Context(), "x", nil)
		for _, err := range []error{load, mapping, add, b.SetState(t.Context(), "x", Loading), b.Reset(t.Context(), "x"), b.Halt(t.Context(), "x", "")} {
			if !errors.Is(err, ErrNotFound) {
				t.Errorf("got %v, want ErrNotFound", err)
			}
		}
	})
}

func TestAddShards(t *testing.T) {
	b := newBench(t)
	m := b.plan("m")
	late := shard.Shard{Kind: shard.Late, Wave: 2, Entry: -1, Range: keyspace.Range{After: keyspace.Key{"4"}}, Cells: [2]int{1, 2}, Parent: -1}
	added, err := b.AddShards(t.Context(), "m", []shard.Shard{late, late})
	if err != nil {
		t.Fatal(err)
	}
	if added[0].ID != id(m, 3) || added[1].ID != id(m, 4) {
		t.Fatalf("got %v and %v", added[0].ID, added[1].ID)
	}
	if diff := cmp.Diff(added[1], b.claim(b.connect(), id(m, 4), Claimed).Shard); diff != "" {
		t.Fatal(diff)
	}
}

func TestMigrationStates(t *testing.T) {
	b := newBench(t)
	b.plan("m")
	for _, err := range []error{
		b.SetState(t.Context(), "m", Settling),
		b.SetClosing(t.Context(), "m", []byte(`{"rows": 1}`), "bin.1:9", "frozen"),
		b.SetVerdict(t.Context(), "m", []byte(`{"verdict": "clean"}`)),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	m, err := b.Load(t.Context(), "m")
	if err != nil {
		t.Fatal(err)
	}
	if m.State != Finished || m.FinishedAt == nil || m.PositionClosed != "bin.1:9" || m.Consistency != "frozen" || len(m.Verdict) == 0 || len(m.Closing) == 0 {
		t.Fatalf("got %+v", m)
	}
}

func TestReset(t *testing.T) {
	b := newBench(t)
	m, other := b.plan("m"), b.plan("n")
	conn := b.connect()
	b.beat()
	b.move(conn, id(m, 0), []string{"1", "2"}, "2")
	b.move(conn, id(m, 1), []string{"3", "4"})
	b.move(conn, id(other, 0), []string{"9"})

	var written []string
	for keys, err := range b.Written(t.Context(), "m", 0) {
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range keys {
			written = append(written, string(key))
		}
	}
	slices.Sort(written)
	if diff := cmp.Diff([]string{"t1", "t3", "t4"}, written); diff != "" {
		t.Fatal(diff)
	}
	if err := b.Reset(t.Context(), "m"); err != nil {
		t.Fatal(err)
	}
	if left := query[int](b, `SELECT count(*) FROM pg_class WHERE relname LIKE '%\_\_m' OR relname LIKE '%\_\_m\_%'`); left != 0 {
		t.Fatalf("%d partitions and indexes are left", left)
	}
	b.claim(conn, id(m, 0), Stale)
	b.claim(conn, id(other, 0), Done)
	if again := b.plan("m"); again.Run == m.Run || string(again.Secret) == string(m.Secret) {
		t.Fatal("the second rehearsal has the run of the first")
	}
	b.claim(conn, id(m, 0), Stale)
}

func TestWhoSharesCellsOfManyShardsIsFoundWithoutReadingAll(t *testing.T) {
	b := newBench(t)
	p := smallPlan("m")
	p.Shards = nil
	for i := range 2 * manyShards {
		p.Shards = append(p.Shards, shard.Shard{ID: shard.ID{Ordinal: i}, Kind: shard.OfUsers, Entry: -1, Parent: -1, Cells: [2]int{i, i + 1}})
	}
	if _, err := b.Create(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	rows, err := b.pool.Query(t.Context(), `EXPLAIN SELECT FROM rehome.shard s WHERE s.migration = 'm' AND int4range(s.cell_first, s.cell_limit) && int4range(7, 8)`)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	if text := strings.Join(lines, "\n"); !strings.Contains(text, "int4range_idx") || strings.Contains(text, "pkey") {
		t.Errorf("the server goes this way:\n%s", text)
	}
}
