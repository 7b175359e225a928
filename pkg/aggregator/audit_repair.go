package aggregator

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"rehome/pkg/keyspace"
	"rehome/pkg/ledger"
	"rehome/pkg/report"
	"rehome/pkg/shard"
)

// An AuditRepair is what a repair has done about what the audit found.
type AuditRepair struct {
	OnConflict OnConflict      `json:"on_conflict"`
	Rounds     int             `json:"rounds"`
	Units      int             `json:"units"` // that were done again: users, or rows without one
	Dead       int             `json:"dead"`  // shards that could not be done again
	Conflicts  []AuditConflict `json:"conflicts"`
}

// An AuditConflict counts rows that the target itself has changed, deleted or added.
type AuditConflict struct {
	Table   string             `json:"table"`
	Kind    shard.ConflictKind `json:"kind"`
	Settled bool               `json:"settled"` // the legacy database's row has taken their place
	Rows    int64              `json:"rows"`
	Keys    []string           `json:"sample_keys"`
}

const (
	redoUnits  = 1000    // of one shard of a repair
	strayLimit = 100_000 // rows of one round that no manifest knows
)

// repair has all units that the audit suspects done again and audits once more, until there is nothing left that doing them again
// would change. What the target itself has changed stays, and stands in the report, unless the legacy database's rows are to win.
func (a *Audit) repair(ctx context.Context, r *AuditReport) (*AuditReport, error) {
	done := &AuditRepair{OnConflict: a.OnConflict, Conflicts: []AuditConflict{}}
	for before := ""; done.Rounds < repairRounds && r.Verdict != "incomplete" && r.differences()+r.ofLegacy() > 0; done.Rounds++ {
		if found := fmt.Sprint(r.Tables, r.Users); found == before {
			break // what is left stays as it is, as it was told to
		} else {
			before = found
		}
		if err := a.redo(ctx, done); err != nil {
			return nil, err
		}
		next, err := a.audit(ctx)
		if err != nil {
			return nil, err
		}
		r = next
	}
	found, err := a.Ledger.Conflicts(ctx, a.m)
	if err != nil {
		return nil, err
	}
	for _, c := range found {
		done.Conflicts = append(done.Conflicts, AuditConflict{Table: a.record.Entries[c.Entry].Into, Kind: c.Kind, Settled: c.Settled, Rows: c.Rows, Keys: c.Samples})
	}
	r.Repair = done
	return r, nil
}

// redo has the units done again in which the newest audit found a difference, and waits for the end of it.
func (a *Audit) redo(ctx context.Context, done *AuditRepair) error {
	suspects, err := a.Ledger.Suspects(ctx, a.Migration)
	if err != nil {
		return err
	}
	strays, err := a.Ledger.AddedRows(ctx, a.Migration, strayLimit)
	if err != nil {
		return err
	}
	redos := redosOf(suspects, strays, a.redoWave(), a.OnConflict == TakeLegacy)
	if len(redos) == 0 {
		return nil
	}
	added, err := a.Ledger.AddRedo(ctx, a.Migration, redos)
	if err != nil {
		return err
	}
	// What the end of the load has counted does not hold any more; that it has ended does.
	if err := a.Ledger.SetState(ctx, a.Migration, ledger.Settling); err != nil {
		return err
	}
	if err := a.Ledger.SetClosing(ctx, a.Migration, json.RawMessage("{}"), "", ""); err != nil {
		return err
	}
	first := added[0].Ordinal
	if err := a.redone(ctx, first); err != nil {
		return err
	}
	state, err := a.Ledger.RedoState(ctx, a.Migration, first)
	done.Units, done.Dead = done.Units+len(suspects), done.Dead+state.Dead
	return err
}

// redone waits until nothing is left of the redos from the given ordinal on.
func (a *Audit) redone(ctx context.Context, from int) error {
	return a.wait(ctx, "repairing", func(ctx context.Context) ([]shard.Task, error) { return a.Ledger.NextRedo(ctx, a.Migration, from) },
		func(ctx context.Context) (ledger.AuditState, error) {
			return a.Ledger.RedoState(ctx, a.Migration, from)
		})
}

// redosOf makes shards of the suspects of one kind each, which come in order, and one of the strays.
func redosOf(suspects []shard.Suspect, strays []shard.Stray, wave int, overwrite bool) (redos []ledger.RedoShard) {
	for len(suspects) > 0 {
		head := suspects[0]
		n := slices.IndexFunc(suspects, func(s shard.Suspect) bool { return s.Of != head.Of || s.Entry != head.Entry })
		if n < 0 {
			n = len(suspects)
		}
		n = min(n, redoUnits)
		units := make([]keyspace.Key, n)
		for i := range units {
			units[i] = suspects[i].Unit
		}
		redos = append(redos, ledger.RedoShard{Of: head.Of, Entry: head.Entry, Wave: wave, List: shard.List{Units: units, Overwrite: overwrite}})
		suspects = suspects[n:]
	}
	if len(strays) > 0 {
		redos = append(redos, ledger.RedoShard{Of: shard.OfUsers, Entry: -1, Wave: wave, List: shard.List{Strays: strays, Overwrite: overwrite}})
	}
	return redos
}

func (r *AuditReport) repaired(b *strings.Builder) {
	if r.Repair == nil {
		return
	}
	fmt.Fprintf(b, "\ndone again %s users and rows without one, rounds %d", report.Number(int64(r.Repair.Units)), r.Repair.Rounds)
	if r.Repair.Dead > 0 {
		fmt.Fprintf(b, "; shards that could not be done again: %d, and the workers' log says why", r.Repair.Dead)
	}
	b.WriteString("\n")
	if r.Repair.Rounds > 0 {
		b.WriteString("start producer run for a new verdict: it counts once more what was repaired\n")
	}
	if len(r.Repair.Conflicts) == 0 {
		return
	}
	rows := [][]string{{"CONFLICT", "TABLE", "ROWS", "BECAME", "FOR EXAMPLE"}}
	for _, c := range r.Repair.Conflicts {
		became := "kept as it is"
		if c.Settled {
			became = "as in the legacy database"
		}
		rows = append(rows, []string{string(c.Kind), c.Table, report.Number(c.Rows), became, strings.Join(c.Keys, " ")})
	}
	b.WriteString("\n")
	report.Columns(b, rows)
}
