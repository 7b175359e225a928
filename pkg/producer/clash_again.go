package producer

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"rehome/pkg/keyspace"
	"rehome/pkg/ledger"
	"rehome/pkg/shard"
)

// clashAgain has users treated alike who collide by a constraint that is on, when one of them was done again and the other stands in the
// target. Who was kept out comes once more, as the other may have been done again since and have given way. If that changes nothing the
// other is quarantined too, unless the target has changed something of that user, or refers to it; and at last all of them come together, for
// those who have only changed places with each other.
func (l *looker) clashAgain(ctx context.Context) error {
	if !l.ended() {
		return nil // settling sees to it
	}
	clashes, err := l.held(ctx)
	if err != nil || len(clashes) == 0 {
		return err
	}
	if err := l.again(ctx, "", usersOf(clashes, false)); err != nil {
		return err
	}
	if clashes, err = l.held(ctx); err != nil || len(clashes) == 0 {
		return err
	}
	for cause, others := range byCause(clashes) {
		l.Log.InfoContext(ctx, fmt.Sprintf("%d users collide with users who were done again, and are quarantined like these for %s", len(others), cause), "migration", l.m.Name)
		if err := l.again(ctx, cause, others); err != nil {
			return err
		}
	}
	return l.again(ctx, "", usersOf(clashes, true))
}

// again has users done again in one shard, or quarantined for the cause if there is one.
func (l *looker) again(ctx context.Context, cause string, users []keyspace.Key) error {
	_, err := l.plan(ctx, &packer{wave: l.redoWave(), cause: cause, most: len(users)}, redone(unitsOf{shard.OfUsers, -1}, users), map[string]any{})
	if err != nil {
		return fmt.Errorf("settle collisions with rows that were there: %w", err)
	}
	return l.wait(ctx, l.redoWave())
}

// A held is a clash with a user whose row stands.
type held struct {
	ledger.Clash
	by keyspace.Key
}

// held returns the clashes of which the other side stands, and has a user. Of the others both sides are out.
func (r *Run) held(ctx context.Context) (out []held, err error) {
	clashes, err := r.ledger.Clashes(ctx, r.m.Name)
	if err != nil || len(clashes) == 0 {
		return nil, err
	}
	return out, r.inTx(ctx, func(tx pgx.Tx) error {
		for _, c := range clashes {
			for _, p := range r.plans(r.mapping.Plans[c.Entry].Into) {
				rows, err := r.ledger.Find(ctx, tx, r.m.Name, p.Ordinal, [][]byte{c.TargetKey})
				if err != nil {
					return err
				}
				for _, row := range rows {
					if row.User != nil {
						out = append(out, held{c, keyspace.Key{string(row.User)}})
					}
				}
			}
		}
		return nil
	})
}

// usersOf returns those who were kept out, and the others too where both are wanted.
func usersOf(clashes []held, both bool) []keyspace.Key {
	users := map[string]bool{}
	for _, c := range clashes {
		users[c.User[0]] = true
		if both {
			users[c.by[0]] = true
		}
	}
	return keysOf(users)
}

// byCause passes the others, each once.
func byCause(clashes []held) iter.Seq2[string, []keyspace.Key] {
	causes, done := map[string]map[string]bool{}, map[string]bool{}
	for _, c := range clashes {
		if causes[c.Cause] == nil {
			causes[c.Cause] = map[string]bool{}
		}
		if user := c.by[0]; !done[user] {
			done[user], causes[c.Cause][user] = true, true
		}
	}
	return func(yield func(string, []keyspace.Key) bool) {
		for _, cause := range slices.Sorted(maps.Keys(causes)) {
			if users := keysOf(causes[cause]); len(users) > 0 && !yield(cause, users) {
				return
			}
		}
	}
}

// keysOf returns users in an order that is always the same; the users' key has one column.
func keysOf(users map[string]bool) (keys []keyspace.Key) {
	for _, user := range slices.Sorted(maps.Keys(users)) {
		keys = append(keys, keyspace.Key{user})
	}
	return keys
}
