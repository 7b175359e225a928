package ledger

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"rehome/pkg/checksum"
	"rehome/pkg/keyspace"
	"rehome/pkg/shard"
)

// A Story is all that the ledger knows of one user. Its keys are for the person who asks, and for nobody else.
type Story struct {
	Key       keyspace.Key
	Known     bool      // some shard has read the user
	State     string    // as in shard.Account; empty for a user whom no shard has read
	Cause     string    // of a user who is quarantined
	At        time.Time // when the state came to be, where it is another than migrated
	By        int       // ordinal of the shard that made the state what it is, or -1
	Planned   bool      // the plan found the user
	Shards    []Chapter // that read the user, or whose cells hold the user, where none has: in the order in which they ended
	Standing  []EntryRows
	Sums      []shard.Table // as in shard.Account; nil where the first release has read the user
	Waits     []shard.Wait  // their Unit means nothing
	Refusals  []StoryRefusal
	Conflicts []StoryConflict
	Originals []Lost
}

// A Chapter is a shard of a user's story.
type Chapter struct {
	shard.Shard
	Again    bool   // the user was read again, or rows that had waited came in
	Attempt  int    // how often it was claimed
	Failures int    // how often it failed by the data's fault
	TraceID  string // of its last attempt that is known; may be empty
	Mapping  string // hash
	Cause    string // of the last failure
	Error    string // likewise; redacted
	Done     *time.Time
}

// EntryRows counts rows of one entry.
type EntryRows struct {
	Entry int
	Rows  int64
}

// A StoryRefusal is a row that was set aside.
type StoryRefusal struct {
	Entry     int
	LegacyKey []byte // nil where only the target could tell, and did not say which row
	Cause     string
	Others    []keyspace.Key // of a unique collision: other users in it, a few of them
	Ordinal   int            // of the shard that set it aside
}

// A StoryConflict is a conflict of a row.
type StoryConflict struct {
	Entry                int
	LegacyKey, TargetKey []byte
	Kind                 shard.ConflictKind
	Settled              bool
	At                   time.Time
}

// UserStory returns the story of the user with that key. A user of whom the ledger knows nothing has one, too.
func (l *Ledger) UserStory(ctx context.Context, name string, key keyspace.Key) (*Story, error) {
	t := teller{Ledger: l, name: name, key: userFamily.key(key), story: &Story{Key: key, By: -1}}
	for _, step := range []func(context.Context) error{
		t.plan, t.state, t.shards, t.standing, t.waits, t.refusals, t.conflicts, t.originals,
	} {
		if err := step(ctx); err != nil {
			return nil, fmt.Errorf("ask migration %s for the story of a user: %w", name, err)
		}
	}
	return t.story, nil
}

// teller puts a story together.
type teller struct {
	*Ledger
	name  string
	key   []byte
	story *Story
	cell  int // of the grid that has the user, if Planned
	found dossier
}

// plan looks for the user in the grid, a cell at a time.
func (t *teller) plan(ctx context.Context) error {
	hash, n := checksum.Key(t.key), 0
	for cell, err := range t.Cells(ctx, t.name) {
		if err != nil {
			return err
		}
		if slices.Contains(cell.Hashes, hash) {
			t.story.Planned, t.cell = true, n
			return nil
		}
		n++
	}
	return nil
}

func (t *teller) state(ctx context.Context) error {
	found, err := askAbout(t.name, userFamily, [][]byte{t.key}).dossiers(ctx, t.pool)
	if err != nil {
		return err
	}
	t.found = found[0]
	t.story.Known, t.story.State, t.story.Cause = t.found.known, t.found.standing(), t.found.cause
	if !t.found.early {
		t.story.Sums = t.found.sums
	}
	if t.found.state == "" {
		return nil
	}
	return t.pool.QueryRow(ctx, `
		SELECT at, coalesce(by_ordinal, ordinal) FROM rehome.user_state WHERE migration = $1 AND user_hash = $2 AND user_key = $3`,
		t.name, checksum.Key(t.key), t.key).Scan(&t.story.At, &t.story.By)
}

// shards finds those whose rosters name the user, and those that made their state; of a user whom none has read, those that could.
func (t *teller) shards(ctx context.Context) error {
	ordinals := []int{t.story.By}
	for _, p := range t.found.places {
		ordinals = append(ordinals, p.ordinal)
	}
	cells := [2]int{0, 0}
	if !t.story.Known && t.story.Planned {
		cells = [2]int{t.cell, t.cell + 1}
	}
	rows, err := t.pool.Query(ctx, `
		SELECT `+shardColumns+`, s.done_at
		  FROM rehome.shard s JOIN rehome.migration m ON m.name = s.migration
		 WHERE s.migration = $1
		   AND (s.ordinal = ANY ($2)
		        OR s.ordinal IN (SELECT ordinal FROM rehome.user_state WHERE migration = $1 AND user_hash = $3 AND user_key = $4)
		        OR s.kind IN ('users', 'late') AND s.state <> 'split' AND int4range(s.cell_first, s.cell_limit) && int4range($5, $6))
		 ORDER BY s.done_at NULLS LAST, s.ordinal`, t.name, ordinals, checksum.Key(t.key), t.key, cells[0], cells[1])
	if err != nil {
		return err
	}
	t.story.Shards, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (c Chapter, err error) {
		r, err := scanRecord(withLast{row, []any{&c.Done}})
		c.Shard, c.Again, c.Attempt, c.Failures = r.Shard, r.Kind == shard.Redo, r.attempt, r.failures
		c.TraceID, c.Mapping, c.Cause, c.Error = r.traceID, r.mapping, r.cause, r.error
		return c, err
	})
	return err
}

func (t *teller) standing(ctx context.Context) error {
	var ordinals, generations []int
	var units []int32
	for _, p := range t.found.places {
		ordinals, generations, units = append(ordinals, p.ordinal), append(generations, p.generation), append(units, p.unit)
	}
	rows, err := t.pool.Query(ctx, `SELECT entry, sum(cardinality(targets))::bigint FROM (`+namedRows+`) AS n GROUP BY entry ORDER BY entry`,
		t.name, ordinals, generations, units)
	if err != nil {
		return err
	}
	t.story.Standing, err = collect(rows, "count the rows that stand", func(e *EntryRows) []any { return []any{&e.Entry, &e.Rows} })
	return err
}

func (t *teller) waits(ctx context.Context) error {
	return eachWait(ctx, t.pool, t.name, userFamily, [][]byte{t.key}, func(_ []byte, w shard.Wait) {
		t.story.Waits = append(t.story.Waits, w)
	})
}

func (t *teller) refusals(ctx context.Context) error {
	rows, err := t.pool.Query(ctx, `
		SELECT entry, legacy_key, cause, others, ordinal FROM rehome.set_aside
		 WHERE migration = $1 AND user_key = $2 ORDER BY ordinal, entry, cause, legacy_key`, t.name, t.key)
	if err != nil {
		return err
	}
	t.story.Refusals, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (f StoryRefusal, err error) {
		var others [][]byte
		err = row.Scan(&f.Entry, &f.LegacyKey, &f.Cause, &others, &f.Ordinal)
		for _, other := range others {
			f.Others = append(f.Others, keyspace.Key{string(other)})
		}
		return f, err
	})
	return err
}

func (t *teller) conflicts(ctx context.Context) error {
	rows, err := t.pool.Query(ctx, `
		SELECT entry, legacy_key, target_key, kind, settled, at FROM rehome.conflict
		 WHERE migration = $1 AND user_key = $2 ORDER BY entry, target_key`, t.name, t.key)
	if err != nil {
		return err
	}
	t.story.Conflicts, err = collect(rows, "list the conflicts", func(c *StoryConflict) []any {
		return []any{&c.Entry, &c.LegacyKey, &c.TargetKey, &c.Kind, &c.Settled, &c.At}
	})
	return err
}

func (t *teller) originals(ctx context.Context) error {
	rows, err := t.pool.Query(ctx, `
		SELECT entry, column_name, rule, count(*) FROM rehome.original
		 WHERE migration = $1 AND user_key = $2 GROUP BY entry, column_name, rule ORDER BY entry, column_name, rule`, t.name, t.key)
	if err != nil {
		return err
	}
	t.story.Originals, err = collect(rows, "count the originals", func(o *Lost) []any { return []any{&o.Entry, &o.Column, &o.Rule, &o.Rows} })
	return err
}
