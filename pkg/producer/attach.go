package producer

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"rehome/pkg/ledger"
	"rehome/pkg/pausepoint"
	"rehome/pkg/shard"
	"rehome/pkg/target"
)

// attach puts constraints and indexes back: first all indexes, several at the same time, and then foreign keys, which need them. One that rows
// violate is noted, and the others go on. Of each table statistics are gathered when nothing more is done to it. Meanwhile it does what can be done
// beside that; the error is of that only where all else is done.
func (r *Run) attach(ctx context.Context, beside []task) error {
	known, parts, err := r.detached(ctx)
	if err != nil {
		return err
	}
	a := &attachment{Run: r, known: known, parts: parts, building: map[string]int{}, linked: linked(parts)}
	var here bool
	if err := r.conn(ctx, func(conn *pgx.Conn) error {
		here = target.Here(conn)
		return a.muster(ctx, conn)
	}); err != nil {
		return err
	}
	with := newCrew(len(beside))
	if here { // where there is nothing to be won by more at the same time
		with = a.crew
	}
	return a.run(ctx, with, beside)
}

// An attachment puts parts back over several sessions.
type attachment struct {
	*Run
	known  []ledger.Part
	parts  []target.Part
	crew   *crew
	room   target.Room
	linked map[string]bool // tables that foreign keys are between, of which statistics are gathered behind these

	mu       sync.Mutex
	building map[string]int // indexes that are still to be built on each table
	built    []int          // parts that have an index, and are more than that
	late     *tooLate       // of statistics
}

// linked returns the tables of the foreign keys among the parts.
func linked(parts []target.Part) map[string]bool {
	tables := map[string]bool{}
	for _, p := range parts {
		if p.Kind == target.ForeignKey {
			tables[p.Table], tables[p.References] = true, true
		}
	}
	return tables
}

// muster gives the attachment its sessions: one more than the one part would take, as other things are done beside it.
func (a *attachment) muster(ctx context.Context, conn *pgx.Conn) (err error) {
	sessions := targetAtOnce
	if len(a.parts) > 0 {
		sessions, a.room, err = target.Rooms(ctx, conn, len(a.parts))
	}
	a.crew = newCrew(max(2, sessions))
	return err
}

// run puts all back, while with does what is beside; where they are one, that is begun when the last index is.
func (a *attachment) run(ctx context.Context, with *crew, beside []task) error {
	counting, stop := context.WithCancel(ctx)
	defer stop()
	var others errgroup.Group
	begin := func() { others.Go(func() error { return with.do(counting, beside) }) }
	if with != a.crew {
		begin()
	}
	wait := a.crew.begin(ctx, a.indexes())
	if with == a.crew {
		begin()
	}
	err := wait()
	if err == nil {
		err = a.foreignKeys(ctx)
	}
	if err == nil {
		err = a.crew.do(ctx, a.statistics(func(table string) bool { return a.linked[table] }))
	}
	if err == nil && a.late != nil {
		err = a.late
	}
	if err != nil {
		stop()
	}
	return cmp.Or(err, others.Wait())
}

// indexes returns what builds all indexes, those of many rows first, and then what gathers statistics of the tables that have none. Nothing else can be
// done to a table while one is built there: constraints over them, and statistics, follow the table's last one.
func (a *attachment) indexes() []task {
	var order []int
	for i, part := range a.parts {
		if part.Kind != target.ForeignKey {
			a.building[part.Table]++
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(a.rows(a.parts[j].Table), a.rows(a.parts[i].Table)) })
	var tasks []task
	for _, i := range order {
		tasks = append(tasks, func(ctx context.Context) error { return a.index(ctx, i) })
	}
	return append(tasks, a.statistics(func(table string) bool { return a.building[table] == 0 && !a.linked[table] })...)
}

// index puts one back, and gathers statistics of its table behind the last.
func (a *attachment) index(ctx context.Context, i int) error {
	var last bool
	err := a.stage(ctx, i, func(ctx context.Context) (err error) {
		last, err = a.build(ctx, i)
		return err
	})
	if table := a.parts[i].Table; err == nil && last && !a.linked[table] {
		err = a.analyze(ctx, table)
	}
	return err
}

// build builds it, and reports whether it was the last of its table.
func (a *attachment) build(ctx context.Context, i int) (last bool, err error) {
	part := a.parts[i]
	err = a.conn(ctx, func(conn *pgx.Conn) error { return target.Build(ctx, conn, part, a.room) })
	more := err == nil && !part.Bare()
	if more {
		pausepoint.At("built")
	} else if err := a.over(ctx, i, err); err != nil {
		return false, err
	}
	complete, last := a.last(i, more)
	for _, i := range complete {
		if err := a.complete(ctx, i); err != nil {
			return false, err
		}
	}
	return last, nil
}

// last reports whether no index of the part's table is built any more, and what is to be completed there then; more says whether the part itself is.
func (a *attachment) last(i int, more bool) (complete []int, last bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if more {
		a.built = append(a.built, i)
	}
	table := a.parts[i].Table
	if a.building[table]--; a.building[table] > 0 {
		return nil, false
	}
	for _, i := range a.built {
		if a.parts[i].Table == table {
			complete = append(complete, i)
		}
	}
	return complete, true
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
	return a.crew.do(ctx, tasks)
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
