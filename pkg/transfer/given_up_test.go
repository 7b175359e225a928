package transfer

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rehome/pkg/mapping"
	"rehome/pkg/shard"
)

// A panicking source panics in the middle of the posts.
type panicking struct{ *legacy }

func (p panicking) Rows(ctx context.Context, e *mapping.RowPlan, s shard.Slice, yield func(shard.Row) error) error {
	rows := 0
	return p.legacy.Rows(ctx, e, s, func(row shard.Row) error {
		if rows++; e.Into == "app.posts" && rows > 10 {
			panic("a defect")
		}
		return yield(row)
	})
}

// A lost book loses its connection while it writes a manifest, and goes on reading what it was given.
type lost struct {
	*book
	given []shard.Block
}

func (l *lost) Blocks(_ context.Context, blocks []shard.Block) error {
	l.given = blocks
	return shard.Fail(shard.Outage, "", errors.New("the connection is lost"))
}

// A cut target loses its connection while it is sent a window.
type cut struct{ *target }

func (cut) Copy(context.Context, *shard.Window) error {
	return shard.Fail(shard.Outage, "", errors.New("an administrator has ended the session"))
}

func (c cut) Undo(context.Context) error {
	return shard.Fail(shard.Outage, "", errors.New("conn closed"))
}

// written spells the keys of the blocks' rows.
func written(blocks []shard.Block) (keys []string) {
	for _, b := range blocks {
		for _, row := range b.Rows {
			keys = append(keys, string(row.TargetKey)+string(row.LegacyKey))
		}
	}
	return keys
}

func TestWhatIsGivenUp(t *testing.T) {
	t.Run("a panic leaves nothing of its part in the target's hands", func(t *testing.T) {
		f := newFixture(20)
		func() {
			defer func() {
				if recover() == nil {
					t.Error("nobody hears of it")
				}
			}()
			_, _ = (&Mover{Mapping: compile(t)}).Move(t.Context(), users(), 1, panicking{f.legacy}, f.target, f.book)
		}()
		if len(f.target.saved) != 0 || len(f.target.rows) != 0 {
			t.Errorf("%d savepoints are open, %d rows stand", len(f.target.saved), len(f.target.rows))
		}
	})
	t.Run("a manifest that was not written keeps its memory", func(t *testing.T) {
		f, book := newFixture(20), &lost{book: &book{}}
		m := Mover{Mapping: compile(t), Memory: &Memory{}}
		if _, err := m.Move(t.Context(), users(), 1, f.legacy, f.target, book); err == nil {
			t.Fatal("it was written")
		}
		before := slices.Clone(written(book.given))
		next := newFixture(30)
		next.legacy.users, next.legacy.posts = next.legacy.users[20:], next.legacy.posts[40:]
		if _, err := m.Move(t.Context(), users(), 1, next.legacy, next.target, next.book); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(before, written(book.given)); diff != "" || len(before) == 0 {
			t.Errorf("of %d rows: %s", len(before), diff)
		}
	})
	t.Run("why a connection was lost is told, and not that nothing can be undone any more", func(t *testing.T) {
		f := newFixture(3)
		_, err := (&Mover{Mapping: compile(t)}).Move(t.Context(), users(), 1, f.legacy, cut{f.target}, f.book)
		if kind, _ := shard.KindOf(err); kind != shard.Outage || !strings.Contains(err.Error(), "an administrator has ended the session") {
			t.Errorf("got %v", err)
		}
	})
}
