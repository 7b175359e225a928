package producer

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"rehome/pkg/ledger"
	"rehome/pkg/shard"
	"rehome/pkg/target"
)

// A clash is what one constraint has against rows of its table, as their keys: the rows of one group collide.
type clash struct {
	table, cause string
	groups       [][][]byte
}

// settleClashes quarantines every user of a collision, whoever came first. Those who were in the target first when a shard met them on
// a key that stayed on go before all others: with the ones whom they kept out in their place the outcome has to be the same.
func (r *Run) settleClashes(ctx context.Context, parts []target.Part) error {
	met, err := r.met(ctx)
	if err != nil {
		return fmt.Errorf("look for collisions with keys that stayed on: %w", err)
	}
	doubles, err := r.doubles(ctx, parts)
	if err != nil {
		return err
	}
	if err := r.withinLimit(ctx, slices.Concat(met, doubles)); err != nil {
		return err
	}
	if len(met) > 0 {
		if err := r.quarantine(ctx, met); err != nil {
			return fmt.Errorf("settle collisions with keys that stayed on: %w", err)
		}
		if doubles, err = r.doubles(ctx, parts); err != nil {
			return err
		}
	}
	if err := r.quarantine(ctx, doubles); err != nil {
		return fmt.Errorf("settle collisions with keys that were off: %w", err)
	}
	return nil
}

// met returns the rows that still stand of those whom shards met on keys that stayed on during the load.
func (r *Run) met(ctx context.Context) ([]clash, error) {
	collisions, err := r.ledger.Collisions(ctx, r.m.Name)
	if err != nil {
		return nil, err
	}
	var out []clash
	for len(collisions) > 0 {
		first := collisions[0]
		var keys [][]byte
		for len(collisions) > 0 && collisions[0].Entry == first.Entry && collisions[0].Cause == first.Cause {
			keys, collisions = append(keys, collisions[0].TargetKey), collisions[1:]
		}
		plan := r.mapping.Plans[first.Entry]
		err := r.conn(ctx, func(conn *pgx.Conn) (err error) {
			keys, err = target.NewTx(conn).Existing(ctx, plan, keys)
			return err
		})
		if err != nil {
			return nil, err
		}
		c := clash{table: plan.Into, cause: first.Cause}
		for _, key := range keys {
			c.groups = append(c.groups, [][]byte{key})
		}
		if len(keys) > 0 {
			out = append(out, c)
		}
	}
	return out, nil
}

// doubles returns the rows that the unique parts which are off would refuse.
func (r *Run) doubles(ctx context.Context, parts []target.Part) ([]clash, error) {
	var out []clash
	for _, part := range parts {
		if part.Kind != target.Unique {
			continue
		}
		c := clash{table: part.Table, cause: "unique:" + part.Table + "." + part.Name}
		for group, err := range target.Duplicates(ctx, r.Pool, part, keyColumns(r.plans(part.Table)[0])) {
			if err != nil {
				return nil, fmt.Errorf("settle %s of %s: %w", part.Name, part.Table, err)
			}
			c.groups = append(c.groups, group)
		}
		if len(c.groups) > 0 {
			out = append(out, c)
		}
	}
	return out, nil
}

// withinLimit ends the run before anything is taken out where that would be more users than stop.quarantined allows.
func (r *Run) withinLimit(ctx context.Context, clashes []clash) error {
	if len(clashes) == 0 {
		return nil
	}
	users := map[string]struct{}{}
	var causes []string
	err := r.inTx(ctx, func(tx pgx.Tx) error {
		for _, c := range clashes {
			rows, err := r.find(ctx, tx, c.table, slices.Concat(c.groups...))
			if err != nil {
				return err
			}
			for _, row := range rows {
				if row.User != nil {
					users[string(row.User)] = struct{}{}
				}
			}
			causes = append(causes, fmt.Sprintf("%s (%d rows)", c.cause, len(rows)))
		}
		return nil
	})
	if err != nil {
		return err
	}
	facts, err := r.ledger.Facts(ctx, r.m.Name)
	if err != nil {
		return err
	}
	tried, out := facts.Users.Migrated+facts.Users.Quarantined, facts.Users.Quarantined+int64(len(users))
	if r.tooMany(tried, out) {
		return &Stopped{fmt.Sprintf("%d users collide with others and would be quarantined, %d of %d users tried in all, more than the %g%% that "+
			"stop.quarantined allows: %s; nothing was taken out: mend the mapping or the data, or raise the limit, and start again",
			len(users), out, tried, r.File.Stop.Quarantined, strings.Join(causes, ", "))}
	}
	return nil
}

// tooMany reports whether so many quarantined users of those tried are to stop the run.
func (p *Producer) tooMany(tried, quarantined int64) bool {
	return tried >= triedAtLeast && float64(quarantined)*100 > p.File.Stop.Quarantined*float64(tried)
}

// quarantine takes all rows of the users who own rows of the clashes out of the target, and the rows of no user themselves, all in one
// transaction: half of it would leave others to collide, or not.
func (r *Run) quarantine(ctx context.Context, clashes []clash) error {
	if len(clashes) == 0 {
		return nil
	}
	return r.inTx(ctx, func(tx pgx.Tx) error {
		s := ledger.Settlement{Quarantined: map[string]string{}}
		var users [][]byte
		unowned := map[string]ledger.Row{} // by table and key
		for _, c := range clashes {
			rows, err := r.find(ctx, tx, c.table, slices.Concat(c.groups...))
			if err != nil {
				return err
			}
			s.Refusals = append(s.Refusals, refusals(rows, c)...)
			before := len(users)
			for _, row := range rows {
				if row.User == nil {
					unowned[c.table+"\x00"+string(row.TargetKey)] = row
				} else if _, known := s.Quarantined[string(row.User)]; !known {
					s.Quarantined[string(row.User)] = c.cause
					users = append(users, row.User)
				}
			}
			s.Receipt.Causes = append(s.Receipt.Causes, shard.Cause{Cause: c.cause, Users: int64(len(users) - before), Rows: int64(len(rows))})
		}
		out, err := r.ledger.RowsOf(ctx, tx, r.m.Name, users)
		if err != nil {
			return err
		}
		for _, row := range unowned {
			out = append(out, row)
		}
		if err := r.stopWaiting(ctx, tx, users, &s.Receipt); err != nil {
			return err
		}
		if err := r.stopLeaving(ctx, tx, users, &s.Receipt); err != nil {
			return err
		}
		n := int64(len(users))
		s.Receipt.Users = shard.Users{Migrated: -n, Quarantined: n}
		return r.takeOut(ctx, tx, s, out, func(t *shard.Table, rows int64) { t.SetAside += rows })
	})
}

// stopWaiting counts the waiting rows of users who are quarantined as set aside, as all rows of theirs.
func (r *Run) stopWaiting(ctx context.Context, tx pgx.Tx, users [][]byte, receipt *shard.Receipt) error {
	waited, err := r.ledger.EndWaiting(ctx, tx, r.m.Name, users)
	if err != nil {
		return err
	}
	for _, w := range waited {
		receipt.Tables = append(receipt.Tables, shard.Table{Entry: w.Entry, Waiting: -w.Rows, SetAside: w.Rows})
		receipt.Causes = append(receipt.Causes, shard.Cause{Cause: w.Cause, Rows: -w.Rows})
	}
	return nil
}

// stopLeaving counts what a rule left out of the rows of users who are quarantined as set aside: so it is where a shard has quarantined them.
func (r *Run) stopLeaving(ctx context.Context, tx pgx.Tx, users [][]byte, receipt *shard.Receipt) error {
	for _, p := range r.mapping.Plans {
		if !p.OfUsers() || p.GatheredBy != nil {
			continue
		}
		change, err := r.ledger.EndGathered(ctx, tx, r.m.Name, p.Ordinal, users)
		if err != nil {
			return err
		}
		if change.SetAside != 0 {
			receipt.Tables = append(receipt.Tables, change)
		}
	}
	return nil
}

// maxOthers is how many of the other users of a collision are named with each of its rows.
const maxOthers = 5

// refusals names, for each of the rows that collide, some of the users whom it collides with.
func refusals(rows []ledger.Row, c clash) []ledger.Refused {
	owners := make(map[string]ledger.Row, len(rows))
	for _, row := range rows {
		owners[string(row.TargetKey)] = row
	}
	var out []ledger.Refused
	for _, group := range c.groups {
		for i, key := range group {
			row := owners[string(key)]
			refused := ledger.Refused{User: row.User, Refusal: shard.Refusal{Entry: row.Entry, LegacyKey: row.LegacyKey, Cause: c.cause}}
			for j, other := range group {
				if user := owners[string(other)].User; j != i && user != nil && len(refused.Others) < maxOthers {
					refused.Others = append(refused.Others, user)
				}
			}
			out = append(out, refused)
		}
	}
	return out
}
