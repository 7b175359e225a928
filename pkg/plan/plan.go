// Package plan splits a population into shards: it cuts the users' keyspace into a grid of cells, weighs them by all the rows that
// hang off their users, joins them to shards of even weight for each wave, and adds the shards of rows that belong to no user.
// It only reads, each index that it needs once; what it returns is committed by the ledger, and is never derived twice.
package plan

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"rehome/pkg/keyspace"
	"rehome/pkg/mapping"
	"rehome/pkg/shard"
)

// A Source answers the planner's questions about the legacy database, several at a time.
type Source interface {
	// Keys streams the key of every user in the legacy database's own order, with the position of the wave that takes the
	// user: the first whose condition is true, else the last. Who keeps a key clones it.
	Keys(ctx context.Context, users mapping.Keyspace, waves []string, yield func(key keyspace.Key, wave int) error) error
	// KeysIn returns the keys of the users in the range, in order.
	KeysIn(ctx context.Context, users mapping.Keyspace, r keyspace.Range) ([]keyspace.Key, error)
	// KeysOf streams the keys by which the entry's rows without a user are split, in order. Who keeps a key clones it.
	KeysOf(ctx context.Context, users mapping.Keyspace, p *mapping.RowPlan, kind shard.Kind, yield func(keyspace.Key) error) error
	// Owners streams whom the entry's rows name as their user, of the range of the users' key and in order, with how many rows do; where the range
	// has no beginning, the nil Key stands for NULL. Who keeps a key clones it.
	Owners(ctx context.Context, users mapping.Keyspace, p *mapping.RowPlan, r keyspace.Range, yield func(user keyspace.Key, rows int64) error) error
	// Weigh counts the entry's rows in each of the ranges of the users' key.
	Weigh(ctx context.Context, users mapping.Keyspace, p *mapping.RowPlan, ranges []keyspace.Range) ([]int64, error)
	// ClosingCounts counts all rows of each of the tables.
	ClosingCounts(ctx context.Context, tables []string) ([]int64, error)
	// Probe reads the rows of the users in the ranges, of all entries that have users.
	Probe(ctx context.Context, m *mapping.Compiled, ranges []keyspace.Range) (shard.Probe, error)
}

// A Cell is one cell of the grid with the users that were in it when the plan was made.
type Cell struct {
	keyspace.Cell
	ByWave []int64 // users by the wave that takes them
	Hashes []int64 // checksum.Key of each user's canonical key, in key order

	waves []uint16 // of each user, in key order, while the plan is made; nil where there is one wave alone
}

// A Plan is what a run is going to do.
type Plan struct {
	Users     int64
	ShardRows int64   // weight of a shard, in rows, by which it was made
	Waves     []int64 // planned users of each wave
	Rows      []int64 // planned rows of each entry's row source
	Cells     []Cell
	Shards    []shard.Shard
}

// RestWave returns the number of the wave that follows the mapping's own: late users, rows of no user, tables with a key of their own.
func RestWave(m *mapping.Compiled) int { return len(m.File.Waves) }

// Make plans the run of a migration.
func Make(ctx context.Context, m *mapping.Compiled, src Source, id shard.ID) (*Plan, error) {
	p := &planner{mapping: m, src: src, id: id, weight: int64(m.File.Users.ShardRows)}
	p.plan.Waves, p.plan.Rows = make([]int64, len(m.File.Waves)), make([]int64, len(m.Plans))
	p.strangers = make([]int64, len(m.Plans))
	steps := []func(context.Context) error{p.scan, p.tally, p.totals, p.size, p.grid, p.weigh, p.refine, p.waves, p.tail, p.rest}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return nil, fmt.Errorf("plan migration %s: %w", id.Migration, err)
		}
	}
	return &p.plan, nil
}

type planner struct {
	mapping   *mapping.Compiled
	src       Source
	id        shard.ID
	weight    int64 // of a shard, in rows; 0 before size, where it finds itself
	roll      roll
	strangers []int64 // rows of each entry whose user is none; -1 where nobody has counted them
	plan      Plan
}

// sessions is how many questions are asked at the same time: a server has more than one core, and others who need them.
const sessions = 4

// asking returns a group for questions, and its context.
func asking(ctx context.Context) (*errgroup.Group, context.Context) {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(sessions)
	return group, ctx
}

// A manner is how the rows of an entry are counted.
type manner int

const (
	byRoll   manner = iota // each user has one: they are counted as the users are
	byOwner                // in one scan of whom they name as their user
	byRange                // range by range, as their order is the database's secret, or their table is joined
	byNobody               // they have no users
)

// manner returns how the rows of the entry are counted.
func (p *planner) manner(plan *mapping.RowPlan) manner {
	switch {
	case !plan.OfUsers():
		return byNobody
	case plan.Joined:
		return byRange
	case plan.User == p.mapping.Keys.Key && plan.From == p.mapping.Keys.From:
		return byRoll
	case p.roll.secret || p.strangers[plan.Ordinal] < 0:
		return byRange
	}
	return byOwner
}
