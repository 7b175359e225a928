package dispatch

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"rehome/pkg/shard"
)

// ends has the ledger say that further shards of the migration are done, with their receipts.
func (b *bench) ends(run string, first, last int) {
	b.Helper()
	_, err := b.pool.Exec(b.Context(), `
		INSERT INTO rehome.shard (migration, ordinal, generation, kind, wave, entry, cell_first, cell_limit, users, weight, parent, state, mapping_hash, receipt, xid)
		SELECT migration, n, generation, kind, wave, entry, cell_first, cell_limit, users, weight, parent, 'done', mapping_hash,
		       jsonb_build_object('migration', migration, 'run', $1::text, 'ordinal', n, 'state', 'done'), pg_current_xact_id()
		  FROM rehome.shard, generate_series($2::int, $3::int) AS n WHERE ordinal = 0`, run, first, last)
	if err != nil {
		b.Fatal(err)
	}
}

func TestReceiptsAreMirrored(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	d, conn := b.dispatcher()
	if err := conn.Declare(t.Context(), "bench"); err != nil {
		t.Fatal(err)
	}
	mirrors := func() {
		t.Helper()
		if err := d.mirrorReceipts(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	var group errgroup.Group
	published := make(chan int, 100)
	group.Go(func() error {
		defer close(published)
		return conn.Receipts(ctx, "bench", func(_ context.Context, r shard.Receipt) error {
			published <- r.Ordinal
			return nil
		})
	})
	publishes := func(want ...int) {
		t.Helper()
		for _, ordinal := range want {
			if got := <-published; got != ordinal {
				t.Errorf("the receipt of shard %d is published, want %d", got, ordinal)
			}
		}
	}
	t.Run("those that the stream lacks are published, each once", func(t *testing.T) {
		b.ends(d.Run, 1, 3)
		mirrors()
		publishes(1, 2, 3)
		b.ends(d.Run, 4, 4)
		mirrors()
		publishes(4)
	})
	t.Run("those that a worker has published are left", func(t *testing.T) {
		b.ends(d.Run, 5, 5)
		if err := conn.PublishReceipt(t.Context(), shard.Receipt{ID: shard.ID{Migration: "bench", Run: d.Run, Ordinal: 5}}); err != nil {
			t.Fatal(err)
		}
		mirrors()
		b.ends(d.Run, 6, 6)
		mirrors()
		publishes(5, 6)
	})
	stop()
	_ = group.Wait() // it was stopped
	t.Run("all are where the stream was made anew", func(t *testing.T) {
		if err := errors.Join(conn.Delete(t.Context(), "bench"), conn.Declare(t.Context(), "bench")); err != nil {
			t.Fatal(err)
		}
		d.receipted = 2 * fewReceipts
		mirrors()
		known, err := conn.Receipted(t.Context(), "bench", d.Run)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]int{1, 2, 3, 4, 5, 6}, slices.Sorted(maps.Keys(known))); diff != "" {
			t.Error(diff)
		}
	})
}
