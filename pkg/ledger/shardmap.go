package ledger

import (
	"context"
	"fmt"
)

// A Mark is how a shard stands, in one byte.
type Mark byte

// The marks of shards.
const (
	MarkAbsent      Mark = iota // there is no such shard, or it is one of an audit or of settling
	MarkPlanned                 // to be done, and nobody is at it
	MarkWorking                 // somebody is
	MarkDone                    // and nobody of it is quarantined
	MarkQuarantined             // done, and somebody of it was quarantined
	MarkDead
	MarkDiscarded
	MarkSplit
)

// A ShardMap is how all shards of a migration stand, by ordinal: lists of equal length.
type ShardMap struct {
	Run    string // of the plan
	Marks  []Mark
	Waves  []int32 // 0 for a shard that is absent
	Deaths int64   // is another when a shard has died since, or is dead no more
}

// ShardMap returns how all shards stand. It is made to be asked again and again of a hundred thousand shards: it reads every row, and sends a few bytes for each.
func (l *Ledger) ShardMap(ctx context.Context, name string) (*ShardMap, error) {
	out := &ShardMap{}
	var ordinals, waves []int32
	var marks []int16
	err := l.pool.QueryRow(ctx, `
		SELECT m.run, coalesce(a.ordinals, '{}'), coalesce(a.waves, '{}'), coalesce(a.marks, '{}'), coalesce(a.deaths, 0)
		  FROM rehome.migration m
		 CROSS JOIN (
			SELECT array_agg(s.ordinal) AS ordinals, array_agg(s.wave) AS waves,
			       array_agg((CASE s.state WHEN 'planned' THEN CASE WHEN w.ordinal IS NULL THEN 1 ELSE 2 END
			                               WHEN 'done' THEN CASE WHEN s.quarantined > 0 THEN 4 ELSE 3 END
			                               WHEN 'dead' THEN 5 WHEN 'discarded' THEN 6 ELSE 7 END)::smallint) AS marks,
			       sum(1 + s.ordinal::bigint + s.attempt + s.generation) FILTER (WHERE s.state IN ('dead', 'discarded'))::bigint AS deaths
			  FROM rehome.shard s
			  LEFT JOIN (SELECT s.ordinal, s.generation `+inWork+` AND s.migration = $1) w ON w.ordinal = s.ordinal AND w.generation = s.generation
			 WHERE s.migration = $1 AND s.kind NOT IN ('audit', 'settle')) a
		 WHERE m.name = $1`, name, DefaultFrozen).Scan(&out.Run, &ordinals, &waves, &marks, &out.Deaths)
	if err != nil {
		return nil, fmt.Errorf("read how the shards of migration %s stand: %w", name, absent(err))
	}
	size := 0
	for _, ordinal := range ordinals {
		size = max(size, int(ordinal)+1)
	}
	out.Marks, out.Waves = make([]Mark, size), make([]int32, size)
	for i, ordinal := range ordinals {
		out.Marks[ordinal], out.Waves[ordinal] = Mark(marks[i]), waves[i]
	}
	return out, nil
}
