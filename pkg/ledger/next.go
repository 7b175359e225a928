package ledger

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"rehome/pkg/shard"
)

// A lot is the planned shards of one mapping: lists of equal length.
type lot struct {
	run, mapping, schema string
	ordinals, waves      []int32
	generations          []int32
	weights              []int64
	traces               map[int32][2]string // by ordinal: what the trace is part of, and linked to
}

// Next returns the tasks of all planned shards up to the wave but those of audits, also of those in work: by wave, then the heaviest
// first, so that none of them is left for last. What was tried before goes on in the trace of its last attempt. It is asked every few seconds: what a shard has in common with all others comes once.
func (l *Ledger) Next(ctx context.Context, name string, wave int) ([]shard.Task, error) {
	what := fmt.Sprintf("list the planned shards of migration %s up to wave %d", name, wave)
	rows, err := l.pool.Query(ctx, `
		SELECT m.run, s.mapping_hash, `+schemaColumn+`, s.ordinals, s.generations, s.waves, s.weights, s.traces
		  FROM rehome.migration m
		 CROSS JOIN (SELECT migration, mapping_hash, array_agg(ordinal) AS ordinals, array_agg(generation) AS generations,
		                    array_agg(wave) AS waves, array_agg(weight) AS weights,
		                    coalesce(jsonb_object_agg(ordinal, jsonb_build_array(coalesce(traceparent, ''), coalesce(trace_link, '')))
		                        FILTER (WHERE traceparent IS NOT NULL OR trace_link IS NOT NULL), '{}') AS traces
		               FROM rehome.shard
		              WHERE migration = $1 AND state = 'planned' AND wave <= $2 AND kind <> 'audit'
		              GROUP BY migration, mapping_hash) AS s
		 WHERE m.name = $1`, name, wave)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	found, err := collect(rows, what, func(w *lot) []any {
		return []any{&w.run, &w.mapping, &w.schema, &w.ordinals, &w.generations, &w.waves, &w.weights, &w.traces}
	})
	if err != nil {
		return nil, err
	}
	return inOrder(name, found), nil
}

// CountNext returns how many tasks Next would return.
func (l *Ledger) CountNext(ctx context.Context, name string, wave int) (n int, err error) {
	err = l.pool.QueryRow(ctx, `
		SELECT count(*) FROM rehome.shard WHERE migration = $1 AND state = 'planned' AND wave <= $2 AND kind <> 'audit'`, name, wave).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count the planned shards of migration %s up to wave %d: %w", name, wave, err)
	}
	return n, nil
}

func inOrder(name string, found []lot) []shard.Task {
	type place struct {
		*lot
		at int
	}
	var places []place
	for i := range found {
		for at := range found[i].ordinals {
			places = append(places, place{&found[i], at})
		}
	}
	slices.SortFunc(places, func(a, b place) int {
		return cmp.Or(cmp.Compare(a.waves[a.at], b.waves[b.at]), cmp.Compare(b.weights[b.at], a.weights[a.at]), cmp.Compare(a.ordinals[a.at], b.ordinals[b.at]))
	})
	tasks := make([]shard.Task, len(places))
	for i, p := range places {
		id := shard.ID{Migration: name, Run: p.run, Ordinal: int(p.ordinals[p.at]), Generation: int(p.generations[p.at])}
		tasks[i] = shard.Task{ID: id, Mapping: p.mapping, Schema: p.schema}
		if t, traced := p.traces[p.ordinals[p.at]]; traced {
			tasks[i].Trace = shard.Trace{Parent: t[0], Link: t[1]}
		}
	}
	return tasks
}
