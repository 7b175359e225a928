package legacy

import (
	"context"
	"database/sql"
	"strconv"
	"strings"

	"rehome/pkg/mapping"
	"rehome/pkg/shard"
)

// ClosingCounts counts the rows of each of the base tables, whoever they belong to, in one snapshot.
func (db *DB) ClosingCounts(ctx context.Context, tables []string) ([]int64, error) {
	s, err := db.Snapshot(ctx, Reading{})
	if err != nil {
		return nil, err
	}
	defer func() { _ = s.Close() }() // nothing was written: what was counted counts
	counts := make([]int64, len(tables))
	for i, table := range tables {
		if counts[i], err = number(ctx, s.conn, clause{sql: "SELECT COUNT(*) FROM " + quote(table)}); err != nil {
			return nil, failed(err, "count the rows of %s", table)
		}
	}
	return counts, nil
}

// Unused counts the rows of a row source that the conditions of all its plans leave out. The plans have one row source. A row that
// a plan's join drops is unowned there, not left out.
func (db *DB) Unused(ctx context.Context, plans []*mapping.RowPlan) (int64, error) {
	var out []string
	for _, p := range plans {
		if p.Where == "" {
			return 0, nil
		}
		row := "EXISTS (SELECT 1 FROM " + p.From + " WHERE " + equal(p.SourceKey, "rehome_s.")
		if p.Joined {
			out = append(out, row+")")
		}
		out = append(out, "NOT "+row+" AND ("+p.Where+") IS TRUE)")
	}
	c := question{plan: plans[0]}.sources(clause{})
	c.sql = "SELECT COUNT(*) FROM (" + c.sql + ") AS rehome_s WHERE " + strings.Join(out, " AND ")
	n, err := db.number(ctx, c)
	if err != nil {
		return 0, failed(err, "count the rows of %s that no entry takes", plans[0].Source)
	}
	return n, nil
}

// A Joined is a table that a plan's FROM joins to its row source.
type Joined struct {
	Table string   // the base table
	Key   []string // its primary key, as quoted expressions in FROM
}

// A Use says how the rows of a joined table are used: each is used once where all three are equal.
type Use struct {
	Rows int64 // of the table
	Used int64 // of them, by any row of the join
	Uses int64 // rows of the join that use one
}

// JoinedUse counts how the plan's join uses the rows of a table, in one statement and so in one snapshot.
func (db *DB) JoinedUse(ctx context.Context, p *mapping.RowPlan, j Joined) (u Use, err error) {
	query := "SELECT (SELECT COUNT(*) FROM " + quote(j.Table) + "), COUNT(DISTINCT " + bare(j.Key) + "), COUNT(" + bare(j.Key[:1]) +
		") FROM " + p.From
	if err := db.pool.QueryRowContext(ctx, query).Scan(&u.Rows, &u.Used, &u.Uses); err != nil {
		return Use{}, failed(err, "count how %s uses %s", p.Into, j.Table)
	}
	return u, nil
}

// Checksums returns the server's CHECKSUM TABLE of each of the base tables. Two equal ones of one server mean equal content: the
// proof that nothing changed where there is no binlog. It reads the tables whole.
func (db *DB) Checksums(ctx context.Context, tables []string) ([]string, error) {
	sums := make([]string, len(tables))
	for i, table := range tables {
		var name string
		var sum sql.NullInt64
		if err := db.pool.QueryRowContext(ctx, "CHECKSUM TABLE "+quote(table)).Scan(&name, &sum); err != nil {
			return nil, failed(err, "checksum %s", table)
		}
		if !sum.Valid {
			return nil, shard.Failf(shard.Schema, "checksum %s: the server cannot read it: does the table exist still?", table)
		}
		sums[i] = strconv.FormatInt(sum.Int64, 10)
	}
	return sums, nil
}

func (db *DB) number(ctx context.Context, c clause) (int64, error) {
	conn, err := db.pool.Conn(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close() }() // it goes back to the pool
	return number(ctx, conn, c)
}
