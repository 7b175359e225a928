package ledger

import (
	"context"

	"github.com/jackc/pgx/v5"

	"rehome/pkg/shard"
)

// EndGathered counts what an entry has gathered and left out of the users with the given canonical keys as set aside: of an attribute
// table, since the rows that took them in are taken out in the same transaction, of another entry, since the users are. It returns how
// that changes the entry's sums, signed.
func (l *Ledger) EndGathered(ctx context.Context, tx pgx.Tx, name string, entry int, users [][]byte) (shard.Table, error) {
	all := shard.Table{Entry: entry}
	found, err := askAbout(name, userFamily, users).dossiers(ctx, tx)
	if err != nil {
		return all, err
	}
	more := map[string][]shard.Table{}
	for i, user := range users {
		for _, t := range found[i].sums {
			if t.Entry != entry || t.Gathered+t.LeftOut == 0 {
				continue
			}
			change := shard.Table{Entry: entry, Gathered: -t.Gathered, LeftOut: -t.LeftOut, SetAside: t.Gathered + t.LeftOut}
			all = all.Plus(change)
			more[string(user)] = append(more[string(user)], change)
		}
	}
	return all, addSums(ctx, tx, name, map[family]map[string][]shard.Table{userFamily: more})
}
