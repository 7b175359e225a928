package producer

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"rehome/pkg/target"
)

// rows returns how many the plan has seen for a table of the target.
func (r *Run) rows(table string) (rows int64) {
	for _, e := range r.planned.Entries {
		if e.Into == table {
			rows += e.Rows
		}
	}
	return rows
}

// statistics returns what gathers them of those of the fed tables, the largest first.
func (a *attachment) statistics(of func(table string) bool) (tasks []task) {
	tables := slices.Clone(a.mapping.Fed())
	slices.SortStableFunc(tables, func(one, other string) int { return cmp.Compare(a.rows(other), a.rows(one)) })
	for _, table := range tables {
		if of(table) {
			tasks = append(tasks, func(ctx context.Context) error { return a.analyze(ctx, table) })
		}
	}
	return tasks
}

// analyze gathers statistics. That there is no time for it keeps no index from coming back.
func (a *attachment) analyze(ctx context.Context, table string) error {
	err := a.Run.stage(ctx, stage{phaseAnalyze, "statistics of " + table, "statistics", []string{table}}, func(ctx context.Context) error {
		return target.Analyze(ctx, a.Pool, []string{table})
	})
	if late, is := errors.AsType[*tooLate](err); is {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.late, err = late, nil
	}
	return err
}
