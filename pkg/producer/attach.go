package producer

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"rehome/pkg/ledger"
	"rehome/pkg/pausepoint"
	"rehome/pkg/shard"
	"rehome/pkg/target"
)

// attach puts constraints and indexes back: first all indexes, several at the same time, and then foreign keys, which need them. One that rows
// violate is noted, and the others go on.
func (r *Run) attach(ctx context.Context) error {
	known, parts, err := r.detached(ctx)
	if err != nil || len(parts) == 0 {
		return err
	}
	a := &attachment{Run: r, known: known, parts: parts, building: map[string]int{}}
	if err := r.conn(ctx, func(conn *pgx.Conn) (err error) {
		a.sessions, a.room, err = target.Rooms(ctx, conn, len(parts))
		return err
	}); err != nil {
		return err
	}
	if err := a.indexes(ctx); err != nil {
		return err
	}
	return a.foreignKeys(ctx)
}

// An attachment puts parts back over several sessions.
type attachment struct {
	*Run
	known    []ledger.Part
	parts    []target.Part
	sessions int
	room     target.Room

	mu       sync.Mutex
	building map[string]int // indexes that are still to be built on each table
	built    []int          // parts that have an index, and are more than that
}

// indexes builds all indexes. Nothing else can be done to a table while one is built there: constraints over them follow the table's last one.
func (a *attachment) indexes(ctx context.Context) error {
	var tasks []task
	for i := range a.parts {
		if a.parts[i].Kind == target.ForeignKey {
			continue
		}
		a.building[a.parts[i].Table]++
		tasks = append(tasks, func(ctx context.Context) error {
			return a.stage(ctx, i, func(ctx context.Context) error { return a.index(ctx, i) })
		})
	}
	return a.together(ctx, tasks)
}

func (a *attachment) index(ctx context.Context, i int) error {
	part := a.parts[i]
	err := a.conn(ctx, func(conn *pgx.Conn) error { return target.Build(ctx, conn, part, a.room) })
	more := err == nil && !part.Bare()
	if more {
		pausepoint.At("built")
	} else {
		if err := a.over(ctx, i, err); err != nil {
			return err
		}
	}
	for _, i := range a.last(i, more) {
		if err := a.complete(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

// last returns what is to be completed of the part's table when no index of it is built any more; more says whether the part itself is.
func (a *attachment) last(i int, more bool) (complete []int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if more {
		a.built = append(a.built, i)
	}
	table := a.parts[i].Table
	if a.building[table]--; a.building[table] > 0 {
		return nil
	}
	for _, i := range a.built {
		if a.parts[i].Table == table {
			complete = append(complete, i)
		}
	}
	return complete
}

func (a *attachment) complete(ctx context.Context, i int) error {
	err := a.conn(ctx, func(conn *pgx.Conn) error {
		_, err := target.Complete(ctx, conn, a.parts[i])
		return err
	})
	return a.over(ctx, i, err)
}

// foreignKeys adds all of them before any is proved: to add one nobody may be proving another of either table. Those of one table are proved one
// after the other.
func (a *attachment) foreignKeys(ctx context.Context) error {
	byTable := map[string][]int{}
	var tables []string
	for i := range a.parts {
		if a.parts[i].Kind != target.ForeignKey {
			continue
		}
		over, err := a.foreignKey(ctx, i)
		if err != nil {
			return err
		}
		if over {
			continue
		}
		table := a.parts[i].Table
		if !slices.Contains(tables, table) {
			tables = append(tables, table)
		}
		byTable[table] = append(byTable[table], i)
	}
	var tasks []task
	for _, table := range tables {
		tasks = append(tasks, func(ctx context.Context) error { return a.prove(ctx, byTable[table]) })
	}
	return a.together(ctx, tasks)
}

// foreignKey adds one, and reports whether nothing is left to be done about it. One of a partitioned table is proved with that, which takes its time.
func (a *attachment) foreignKey(ctx context.Context, i int) (over bool, err error) {
	add := func(ctx context.Context) error {
		proved := false
		err := a.conn(ctx, func(conn *pgx.Conn) (err error) {
			proved, err = target.Complete(ctx, conn, a.parts[i])
			return err
		})
		if over = err != nil || proved; over {
			return a.over(ctx, i, err)
		}
		return nil
	}
	if a.parts[i].AtOnce {
		err = a.stage(ctx, i, add)
	} else {
		err = add(ctx)
	}
	return over, err
}

func (a *attachment) prove(ctx context.Context, some []int) error {
	for _, i := range some {
		err := a.stage(ctx, i, func(ctx context.Context) error {
			return a.over(ctx, i, a.conn(ctx, func(conn *pgx.Conn) error { return target.Prove(ctx, conn, a.parts[i], a.room) }))
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// stage does one step of the part.
func (a *attachment) stage(ctx context.Context, i int, step func(context.Context) error) error {
	part := a.parts[i]
	what := fmt.Sprintf("putting back %d of %d: %s of %s", i+1, len(a.parts), part.Name, part.Table)
	return a.Run.stage(ctx, stage{phaseOf(part), what, string(part.Kind), []string{part.Table}}, step)
}

// over notes that the part is back, or, where its rows are the reason why not, that it is violated.
func (a *attachment) over(ctx context.Context, i int, err error) error {
	part, state := a.parts[i], ledger.Valid
	if kind, _ := shard.KindOf(err); err != nil && kind == shard.Data {
		a.Log.ErrorContext(ctx, "a constraint could not be put back", "migration", a.m.Name, "table", part.Table, "constraint", part.Name, "err", err)
		state, err = ledger.Violated, nil
	}
	if err != nil {
		return fmt.Errorf("put %s of %s back: %w", part.Name, part.Table, err)
	}
	pausepoint.At("attaching")
	return a.inTx(ctx, func(tx pgx.Tx) error { return a.ledger.SetPart(ctx, tx, a.m.Name, a.known[i].Ordinal, state, 0) })
}

// A task is work that can be done beside others.
type task func(context.Context) error

// together does the tasks over as many sessions as there are. Where one fails no other is begun, and those that were are let end: what
// they have done is not to be done again.
func (a *attachment) together(ctx context.Context, tasks []task) error {
	var group errgroup.Group
	group.SetLimit(a.sessions)
	var failed atomic.Bool
	for _, task := range tasks {
		group.Go(func() error {
			if failed.Load() {
				return nil
			}
			err := task(ctx)
			if err != nil {
				failed.Store(true)
			}
			return err
		})
	}
	return group.Wait()
}
