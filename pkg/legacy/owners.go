package legacy

import (
	"context"
	"fmt"
	"strconv"

	"rehome/pkg/keyspace"
	"rehome/pkg/mapping"
	"rehome/pkg/shard"
	"rehome/pkg/value"
)

// Owners streams whom the rows of the plan's row source name as their user, each once in the server's own order, with how many rows
// do so, in one scan and from one snapshot. It looks at the users in the range, be they users or not; where the range has no beginning, the rows
// whose user is NULL come, too, with the nil Key. The plan has users and no join. An error of yield ends the stream and comes back
// as it is.
func (db *DB) Owners(ctx context.Context, users mapping.Keyspace, p *mapping.RowPlan, r keyspace.Range, yield func(user keyspace.Key, rows int64) error) error {
	q := question{users: users, plan: p, kind: shard.OwnKey}
	what := fmt.Sprintf("count the rows of %s by their users", q)
	part, err := within([]string{p.User}, users.Kinds, r)
	if err != nil {
		return shard.Fail(shard.Defect, "", fmt.Errorf("%s: %w", what, err))
	}
	if r.After == nil && part.sql != "" {
		part.sql = "(" + part.sql + " OR (" + p.User + ") IS NULL)"
	}
	c := where(part)
	c.sql = "SELECT (" + p.User + ") AS rehome_k1, COUNT(*) AS rehome_n FROM " + q.source() + c.sql + " GROUP BY rehome_k1 ORDER BY rehome_k1"
	var made keyMaker
	return db.scan(ctx, what, c, func(cells []value.Cell) error {
		rows, err := strconv.ParseInt(string(cells[1]), 10, 64)
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		if cells[0] == nil {
			return yield(nil, rows)
		}
		user, err := made.key(cells[:1], users.Kinds)
		if err != nil {
			return shard.Fail(shard.Data, "", fmt.Errorf("%s: %w", what, err))
		}
		return yield(user, rows)
	})
}
