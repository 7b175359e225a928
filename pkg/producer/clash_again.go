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
	"rehome/pkg/mapping"
	"rehome/pkg/shard"
)

// clashAgain has users treated alike who collide by a constraint that is on, when one of them was done again and the other stands in the
// target. Who was kept out comes once more, as the other may have been done again since and have given way. If that changes nothing the
// other is quarantined too, unless the target has changed something of that user, or refers to it; and at last all of them come together, for
// those who have only changed places with each other. Rows without a user come once more, too.
func (l *looker) clashAgain(ctx context.Context) error {
	if !l.ended() {
		return nil // settling sees to it
	}
	met, err := l.ledger.Clashes(ctx, l.m.Name)
	if err != nil || len(met) == 0 {
		return err
	}
	if err := l.onceMore(ctx, met); err != nil {
		return err
	}
	clashes, err := l.held(ctx)
	if err != nil || len(clashes) == 0 {
		return err
	}
	for cause, others := range byCause(clashes) {
		l.Log.InfoContext(ctx, fmt.Sprintf("%d users collide with users who were done again, and are quarantined like these for %s", len(others), cause), "migration", l.m.Name)
		if err := l.again(ctx, cause, others); err != nil {
			return err
		}
	}
	return l.again(ctx, "", usersOf(clashes))
}

// onceMore has all who were kept out done again, users in one shard, together with those who are out by now themselves though it was their
// rows that stood there: when a run died between the two sides, one must not come in without the other.
func (l *looker) onceMore(ctx context.Context, met []ledger.Clash) error {
	users, rows := map[string]bool{}, map[unitsOf]map[string]keyspace.Key{}
	keys := map[int][][]byte{}
	for _, c := range met {
		keys[c.Entry] = append(keys[c.Entry], c.TargetKey)
		if c.Of == shard.OfUsers {
			users[c.Unit[0]] = true
			continue
		}
		of := unitsOf{c.Of, c.Entry}
		if rows[of] == nil {
			rows[of] = map[string]keyspace.Key{}
		}
		rows[of][string(c.Unit.Marshal())] = c.Unit
	}
	for entry, some := range keys {
		ousted, err := l.ledger.Ousted(ctx, l.m.Name, entriesOf(l.plans(l.mapping.Plans[entry].Into)), some)
		if err != nil {
			return err
		}
		for _, user := range ousted {
			users[user[0]] = true
		}
	}
	_, err := l.plan(ctx, &packer{wave: l.redoWave(), most: len(met) + len(users)}, func(ctx context.Context, p *packer) error {
		if err := redone(unitsOf{shard.OfUsers, -1}, keysOf(users))(ctx, p); err != nil {
			return err
		}
		for of, some := range rows {
			if err := redone(of, slices.Collect(maps.Values(some)))(ctx, p); err != nil {
				return err
			}
		}
		return nil
	}, map[string]any{})
	if err != nil {
		return fmt.Errorf("have those done again who were kept out by rows that were there: %w", err)
	}
	return l.wait(ctx, l.redoWave())
}

func entriesOf(plans []*mapping.RowPlan) (entries []int) {
	for _, p := range plans {
		entries = append(entries, p.Ordinal)
	}
	return entries
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

// held returns the clashes of users of which the other side stands, and has a user. Of the others both sides are out.
func (r *Run) held(ctx context.Context) (out []held, err error) {
	clashes, err := r.ledger.Clashes(ctx, r.m.Name)
	clashes = slices.DeleteFunc(clashes, func(c ledger.Clash) bool { return c.Of != shard.OfUsers })
	if err != nil || len(clashes) == 0 {
		return nil, err
	}
	byEntry := map[int][]ledger.Clash{}
	for _, c := range clashes {
		byEntry[c.Entry] = append(byEntry[c.Entry], c)
	}
	err = r.inTx(ctx, func(tx pgx.Tx) error {
		for _, entry := range slices.Sorted(maps.Keys(byEntry)) {
			some, err := r.heldIn(ctx, tx, entry, byEntry[entry])
			if err != nil {
				return err
			}
			out = append(out, some...)
		}
		return nil
	})
	return out, err
}

// heldIn is held for clashes of rows of one entry.
func (r *Run) heldIn(ctx context.Context, tx pgx.Tx, entry int, clashes []ledger.Clash) (out []held, err error) {
	var keys [][]byte
	for _, c := range clashes {
		keys = append(keys, c.TargetKey)
	}
	owners := map[string]keyspace.Key{}
	for _, p := range r.plans(r.mapping.Plans[entry].Into) {
		rows, err := r.ledger.Find(ctx, tx, r.m.Name, p.Ordinal, keys)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			if row.User != nil {
				owners[string(row.TargetKey)] = keyspace.Key{string(row.User)}
			}
		}
	}
	for _, c := range clashes {
		if by, stands := owners[string(c.TargetKey)]; stands {
			out = append(out, held{c, by})
		}
	}
	return out, nil
}

// usersOf returns both sides of the clashes.
func usersOf(clashes []held) []keyspace.Key {
	users := map[string]bool{}
	for _, c := range clashes {
		users[c.Unit[0]], users[c.by[0]] = true, true
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
