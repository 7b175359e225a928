package ledger

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/jackc/pgx/v5"

	"rehome/pkg/keyspace"
	"rehome/pkg/shard"
)

// Cells streams the grid of the migration in key order. It holds a connection of the pool until the loop ends.
func (l *Ledger) Cells(ctx context.Context, name string) iter.Seq2[Cell, error] {
	return func(yield func(Cell, error) bool) {
		rows, err := l.pool.Query(ctx, `SELECT after_key, through_key, hashes FROM rehome.cell WHERE migration = $1 ORDER BY ordinal`, name)
		if err != nil {
			yield(Cell{}, fmt.Errorf("read the grid of migration %s: %w", name, err))
			return
		}
		defer rows.Close()
		for rows.Next() {
			cell, err := scanCell(rows)
			if !yield(cell, err) || err != nil {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(Cell{}, fmt.Errorf("read the grid of migration %s: %w", name, err))
		}
	}
}

// A Stretch is a cell without its users' hashes.
type Stretch struct {
	keyspace.Range
	Users int // planned
}

// Grid returns the ranges of the migration's cells in key order.
func (l *Ledger) Grid(ctx context.Context, name string) ([]Stretch, error) {
	rows, err := l.pool.Query(ctx, `SELECT after_key, through_key, users FROM rehome.cell WHERE migration = $1 ORDER BY ordinal`, name)
	what := "read the grid of migration " + name
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	grid, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (s Stretch, err error) {
		var after, through []byte
		if err = row.Scan(&after, &through, &s.Users); err == nil {
			s.Range, err = unmarshalRange(after, through)
		}
		return s, err
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return grid, nil
}

func scanCell(row pgx.CollectableRow) (c Cell, err error) {
	var after, through, hashes []byte
	if err = row.Scan(&after, &through, &hashes); err != nil {
		return c, fmt.Errorf("read a cell: %w", err)
	}
	c.Hashes = unpackHashes(hashes)
	c.Range, err = unmarshalRange(after, through)
	return c, err
}

// Tried returns the hashes, each once and in order, of the users whom a shard has read whose range shares cells with those from first up to but not including limit:
// those who arrived and those who were quarantined. The shards reach over the cells' edges, and so do the hashes; whom a redo was the first to read is
// among them wherever they belong. OFFSET 0 has PostgreSQL look each shard up: before the ledger's statistics are gathered it would go through all rosters.
func (l *Ledger) Tried(ctx context.Context, name string, first, limit int) ([]int64, error) {
	hashes, err := l.called(ctx, name, first, limit)
	slices.Sort(hashes)
	return slices.Compact(hashes), err
}

// called is Tried in the order in which the shards read the users, or nearly, in which one may be there more than once.
func (l *Ledger) called(ctx context.Context, name string, first, limit int) ([]int64, error) {
	what := fmt.Sprintf("ask whom migration %s tried in cells %d to %d", name, first, limit)
	// A roster comes as it is stored: to make rows of its hashes would cost the server more than all else that the census asks.
	rows, err := l.pool.Query(ctx, `
		WITH s AS MATERIALIZED (
			SELECT cell_first, ordinal, generation FROM rehome.shard WHERE migration = $1 AND int4range(cell_first, cell_limit) && int4range($2, $3)
			 UNION SELECT cell_first, ordinal, generation FROM rehome.shard WHERE migration = $1 AND kind = 'redo'
		)
		(SELECT r.hashes
		  FROM s CROSS JOIN LATERAL (
		      SELECT r.block, r.hashes FROM rehome.roster r
		       WHERE r.migration = $1 AND r.ordinal = s.ordinal AND r.generation = s.generation AND r.of_kind = 'users' AND NOT r.redo OFFSET 0
		  ) AS r
		 ORDER BY s.cell_first, s.ordinal, s.generation, r.block)
		UNION ALL
		SELECT ARRAY[x.user_hash]
		  FROM s CROSS JOIN LATERAL (
		      SELECT x.user_hash FROM rehome.user_state x
		       WHERE x.migration = $1 AND x.ordinal = s.ordinal AND x.generation = s.generation AND x.counted OFFSET 0
		  ) AS x`, pgx.QueryResultFormats{pgx.BinaryFormatCode}, name, first, limit)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	defer rows.Close()
	var hashes []int64
	for rows.Next() {
		if hashes, err = appendBigints(hashes, rows.RawValues()[0]); err != nil {
			return nil, fmt.Errorf("%s: %w", what, err)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return hashes, nil
}

// A Census compares whom the plan found with whom the ledger holds, user by user.
type Census struct {
	Planned  int64 // users of the grid
	Tried    int64 // users who arrived or were quarantined
	Appeared int64 // tried and not planned
	Vanished int64 // planned and not tried, where every shard that could have read them is done; or tried, and gone when they were read again
	LeftOut  int64 // tried, and taken out as told
	Pending  int64 // planned and not tried, where some shard is not
}

// What is compared at once: it bounds the memory, and how often the ledger is asked.
const (
	censusCells = 4096
	censusUsers = 64 << 10 // and one cell
)

// Census takes the census of the migration. Shards that are in work count as not done.
func (l *Ledger) Census(ctx context.Context, name string) (Census, error) {
	open, err := l.openCells(ctx, name)
	if err != nil {
		return Census{}, err
	}
	var c Census
	var window []Cell
	first, users := 0, 0
	flush := func() error {
		tried, err := l.called(ctx, name, first, first+len(window))
		if err == nil {
			c.compare(window, first, tried, open)
			first, users, window = first+len(window), 0, window[:0]
		}
		return err
	}
	for cell, err := range l.Cells(ctx, name) {
		if err != nil {
			return Census{}, err
		}
		window, users = append(window, cell), users+len(cell.Hashes)
		if len(window) == censusCells || users >= censusUsers {
			if err := flush(); err != nil {
				return Census{}, err
			}
		}
	}
	if len(window) > 0 {
		if err := flush(); err != nil {
			return Census{}, err
		}
	}
	if c.Tried, err = l.tried(ctx, name); err != nil {
		return Census{}, err
	}
	// Until here Appeared was minus the number of those who were both planned and tried.
	c.Appeared += c.Tried
	var vanished int64
	err = l.pool.QueryRow(ctx, `
		SELECT count(*) FILTER (WHERE state = 'vanished'), count(*) FILTER (WHERE state = 'left_out') FROM rehome.user_state WHERE migration = $1`, name).
		Scan(&vanished, &c.LeftOut)
	if err != nil {
		return Census{}, fmt.Errorf("count whom migration %s has taken out: %w", name, err)
	}
	c.Vanished += vanished
	return c, nil
}

// compare counts the users of a run of cells by whom was tried.
func (c *Census) compare(window []Cell, first int, tried []int64, open []span) {
	names := attendance{tried: tried}
	for i, cell := range window {
		_, pending := slices.BinarySearchFunc(open, first+i, func(s span, cell int) int {
			switch {
			case cell < s.First:
				return 1
			case cell >= s.Limit:
				return -1
			}
			return 0
		})
		for _, hash := range cell.Hashes {
			c.Planned++
			switch {
			case names.has(hash):
				c.Appeared--
			case pending:
				c.Pending++
			default:
				c.Vanished++
			}
		}
	}
}

// An attendance tells who is among those who were tried, of whom most are asked about in the order in which they were: to sort them takes longer.
type attendance struct {
	tried  []int64
	next   int     // behind the newest who was found in order
	looks  int     // how often one was looked for among all
	sorted []int64 // once that was too often
}

const (
	closeBy   = 16 // how far behind the newest the next one is: those between have appeared since the plan
	mostLooks = 32 // about what it takes to sort
)

func (a *attendance) has(hash int64) bool {
	near := a.tried[a.next:min(a.next+closeBy, len(a.tried))]
	if at := slices.Index(near, hash); at >= 0 {
		a.next += at + 1
		return true
	}
	if a.looks++; a.looks <= mostLooks {
		at := slices.Index(a.tried, hash)
		if at >= 0 {
			a.next = at + 1
		}
		return at >= 0
	}
	if a.sorted == nil {
		a.sorted = slices.Sorted(slices.Values(a.tried))
	}
	_, found := slices.BinarySearch(a.sorted, hash)
	return found
}

// span is a run of cells, First up to but not including Limit.
type span struct{ First, Limit int }

// openCells returns the cells of shards of users that are planned or dead, in order and apart from each other.
func (l *Ledger) openCells(ctx context.Context, name string) ([]span, error) {
	rows, err := l.pool.Query(ctx, `
		SELECT DISTINCT cell_first, cell_limit FROM rehome.shard
		 WHERE migration = $1 AND state IN ('planned', 'dead') AND kind = ANY ($2)
		 ORDER BY cell_first`, name, []string{string(shard.OfUsers), string(shard.Late)})
	what := "ask which shards of migration " + name + " are not done"
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	spans, err := collect(rows, what, func(s *span) []any { return []any{&s.First, &s.Limit} })
	return joined(spans), err
}

// joined joins spans in order that meet or share cells.
func joined(spans []span) (apart []span) {
	for _, s := range spans {
		if n := len(apart); n > 0 && s.First <= apart[n-1].Limit {
			apart[n-1].Limit = max(apart[n-1].Limit, s.Limit)
			continue
		}
		apart = append(apart, s)
	}
	return apart
}

// tried counts all whom shards have read.
func (l *Ledger) tried(ctx context.Context, name string) (n int64, err error) {
	err = l.pool.QueryRow(ctx, `
		SELECT (SELECT coalesce(sum(cardinality(hashes) - cardinality(array_positions(hashes, NULL))), 0)
		          FROM rehome.roster WHERE migration = $1 AND of_kind = 'users' AND NOT redo)
		     + (SELECT count(*) FROM rehome.user_state WHERE migration = $1 AND counted)`, name).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count whom migration %s tried: %w", name, err)
	}
	return n, nil
}
