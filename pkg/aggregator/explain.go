package aggregator

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"rehome/pkg/keyspace"
	"rehome/pkg/ledger"
	"rehome/pkg/legacy"
	"rehome/pkg/mapping"
	"rehome/pkg/plan"
	"rehome/pkg/report"
	"rehome/pkg/shard"
	"rehome/pkg/value"
	"rehome/pkg/worker"
)

// An Explanation is a user's whole story. It holds keys and values, and is for the person who asks alone.
type Explanation struct {
	Migration string              `json:"migration"`
	User      string              `json:"user"`
	State     string              `json:"state"` // migrated, redone, quarantined, left_out, merged, vanished, pending or unknown
	Cause     string              `json:"cause,omitempty"`
	Legacy    string              `json:"legacy"` // present, absent, or not_asked where no legacy database was given
	Planned   bool                `json:"planned"`
	Shards    []ExplainedShard    `json:"shards"`
	Tables    []ExplainedTable    `json:"tables"`
	Rules     []ExplainedRule     `json:"rules"` // that fire when the rows are read now
	SetAside  []ExplainedRow      `json:"set_aside"`
	Waiting   []ExplainedRow      `json:"waiting"`
	Now       []ExplainedRow      `json:"refused_now"` // rows that would be refused, or wait, if they were read now
	Conflicts []ExplainedConflict `json:"conflicts"`
	Originals []ExplainedOriginal `json:"originals"`
	Next      []string            `json:"next"` // what to do, a sentence for each cause
}

// An ExplainedShard is a shard that read the user, or would.
type ExplainedShard struct {
	Shard    string     `json:"shard"`
	Kind     shard.Kind `json:"kind"`
	Wave     string     `json:"wave"`
	State    string     `json:"state"`
	Attempts int        `json:"attempts"`
	Failures int        `json:"failures"`
	Trace    string     `json:"trace_id,omitempty"`
	Mapping  string     `json:"mapping"`
	Error    string     `json:"error,omitempty"`
	Reason   string     `json:"reason,omitempty"` // why a person has let it go
	Done     *time.Time `json:"done_at,omitempty"`
}

// An ExplainedTable counts the user's rows of one entry.
type ExplainedTable struct {
	Table    string `json:"table"`
	From     string `json:"from"`
	Standing int64  `json:"standing"`
	SetAside int64  `json:"set_aside"`
	Waiting  int64  `json:"waiting"`
	LeftOut  int64  `json:"left_out"`
	Gathered int64  `json:"gathered"`
}

// An ExplainedRule is a rule that fires on one row.
type ExplainedRule struct {
	Table  string `json:"table"`
	Column string `json:"column"`
	Rule   string `json:"rule"`
	Row    string `json:"row"`
	Value  string `json:"value"` // as the legacy database has it
}

// An ExplainedRow is a row that did not arrive.
type ExplainedRow struct {
	Table  string   `json:"table"`
	Row    string   `json:"row"`
	Cause  string   `json:"cause"`
	Value  *string  `json:"value,omitempty"`  // of the column that is the cause, as the legacy database has it now
	Others []string `json:"others,omitempty"` // users with whom it collides
	Needs  string   `json:"needs,omitempty"`  // the table and key of the row that it waits for
}

// An ExplainedConflict is a row that the target itself has changed, deleted or added.
type ExplainedConflict struct {
	Table   string             `json:"table"`
	Row     string             `json:"row"`
	Kind    shard.ConflictKind `json:"kind"`
	Settled bool               `json:"settled"`
}

// An ExplainedOriginal counts what is kept of what a rule has lost, in rehome.original.
type ExplainedOriginal struct {
	Table  string `json:"table"`
	Column string `json:"column,omitempty"`
	Rule   string `json:"rule"`
	Rows   int64  `json:"rows"`
}

// ErrKey is what an error wraps where the text that was given cannot be the key of any user.
var ErrKey = errors.New("this can be no user's key")

// Explain tells the story of the user whom the key names as an operator types it: the columns of a key of several are joined by a
// slash. From may be nil: then the rules that fired are not told, nor whether the legacy database has the user.
func Explain(ctx context.Context, l *ledger.Ledger, from *legacy.DB, name, user string) (*Explanation, error) {
	m, err := l.Load(ctx, name)
	if err != nil {
		return nil, err
	}
	record, err := recordOf(m)
	if err != nil {
		return nil, err
	}
	e := &explainer{ledger: l, from: from, m: m, record: record, key: keyspace.Key{user}, values: map[[3]string]string{}}
	e.out = &Explanation{Migration: name, Legacy: "not_asked", Shards: []ExplainedShard{}, Tables: []ExplainedTable{}, Rules: []ExplainedRule{},
		SetAside: []ExplainedRow{}, Waiting: []ExplainedRow{}, Now: []ExplainedRow{}, Conflicts: []ExplainedConflict{},
		Originals: []ExplainedOriginal{}, Next: []string{}}
	if from != nil {
		end, err := e.open(ctx)
		if err != nil {
			return nil, fmt.Errorf("look for a user of migration %s in the legacy database: %w", name, err)
		}
		defer end()
	}
	story, err := l.UserStory(ctx, name, e.key)
	if err != nil {
		return nil, err
	}
	if e.out.Legacy == "present" {
		if err := e.read(ctx, story); err != nil {
			return nil, fmt.Errorf("read the rows of a user of migration %s once more: %w", name, err)
		}
	}
	e.tell(story)
	if err := e.discarded(ctx); err != nil {
		return nil, err
	}
	e.advise()
	return e.out, nil
}

// An explainer puts an explanation together.
type explainer struct {
	ledger *ledger.Ledger
	from   *legacy.DB
	m      *ledger.Migration
	record *plan.Record
	key    keyspace.Key // as the user's own row spells it, once that was read

	mapping  *mapping.Compiled
	snapshot *legacy.Snapshot
	values   map[[3]string]string // what the column of a cause holds, by table, row and cause
	waits    map[[3]string]bool   // rows that wait, likewise
	out      *Explanation
}

// open opens a snapshot and looks for the user. The caller calls end.
func (e *explainer) open(ctx context.Context) (end func(), err error) {
	canonical, err := e.ledger.Mapping(ctx, e.m.Mapping)
	if err != nil {
		return nil, err
	}
	if e.mapping, err = worker.Compile(ctx, e.from, canonical, e.m); err != nil {
		return nil, err
	}
	c := e.mapping
	if parts := strings.Split(e.key[0], "/"); len(c.Keys.Kinds) > 1 && len(parts) == len(c.Keys.Kinds) {
		e.key = parts
	}
	if _, err := e.key.Args(c.Keys.Kinds); err != nil {
		return nil, fmt.Errorf("%w: it is spelled as users.key has it, with slashes between several columns: %w", ErrKey, err)
	}
	if e.snapshot, err = e.from.Snapshot(ctx, legacy.Reading{Users: c.Keys, MaxRowBytes: c.File.MaxRowBytes}); err != nil {
		return nil, err
	}
	end = func() { _ = e.snapshot.Close() } // nothing was written
	units, err := e.snapshot.Units(ctx, shard.Slice{Kind: shard.OfUsers, Only: []keyspace.Key{e.key}})
	if err != nil {
		end()
		return nil, err
	}
	if e.out.Legacy = "absent"; len(units) > 0 {
		e.out.Legacy, e.key = "present", units[0]
	}
	return end, nil
}

// read reads the user's rows and runs the mapping on them.
func (e *explainer) read(ctx context.Context, s *ledger.Story) error {
	e.waits = map[[3]string]bool{}
	for _, w := range s.Waits {
		e.waits[[3]string{e.table(w.Entry), legacyKey(w.LegacyKey), w.Cause}] = true
	}
	slice := shard.Slice{Kind: shard.OfUsers, Only: []keyspace.Key{e.key}}
	for _, p := range e.mapping.Plans {
		if !p.OfUsers() || len(p.Columns) == 0 {
			continue
		}
		encoder := p.NewEncoder()
		err := e.snapshot.Rows(ctx, p, slice, func(row shard.Row) error {
			e.row(p, encoder, row)
			return nil
		})
		if kind, cause := shard.KindOf(err); kind == shard.Data { // what the server says of the rows is a cause, too
			e.out.Now = append(e.out.Now, ExplainedRow{Table: p.Into, Row: "(any)", Cause: cause})
		} else if err != nil {
			return err
		}
	}
	return nil
}

// manyRules is how many rules of one user are told row by row.
const manyRules = 1000

// row tells what the mapping makes of one row.
func (e *explainer) row(p *mapping.RowPlan, encoder *mapping.Encoder, row shard.Row) {
	name, cause := strings.Join(row.Key, "/"), row.Attributes.Cause
	for i := range p.Columns {
		waits := [3]string{p.Into, name, "waits:" + p.Into + "." + p.Columns[i].Name}
		if e.waits[waits] {
			e.values[waits] = valueOf(p, i, row.Cells)
		}
	}
	if cause == "" {
		_, encoded := encoder.Encode(nil, row.Unit, row.Cells)
		cause = encoded.Cause
		if encoded.Ending == mapping.Written {
			e.rules(p, encoder, row, name)
			return
		}
	}
	if cause == "" || len(e.out.Now) >= manyRules {
		return
	}
	refused := ExplainedRow{Table: p.Into, Row: name, Cause: cause}
	for i := range p.Columns {
		if report.Subject(cause) == p.Into+"."+p.Columns[i].Name {
			shown := valueOf(p, i, row.Cells)
			refused.Value, e.values[[3]string{p.Into, name, cause}] = &shown, shown
		}
	}
	e.out.Now = append(e.out.Now, refused)
}

// valueOf shows what the legacy database has for a column.
func valueOf(p *mapping.RowPlan, column int, cells []value.Cell) string {
	var parts []string
	for _, at := range p.Columns[column].Origin.Cells {
		parts = append(parts, shownCell(cells[at]))
	}
	return strings.Join(parts, " ")
}

func (e *explainer) rules(p *mapping.RowPlan, encoder *mapping.Encoder, row shard.Row, name string) {
	for i, hits := range encoder.Hits() {
		for bit, rule := range p.Columns[i].Rules() {
			if hits&(1<<bit) == 0 || len(e.out.Rules) >= manyRules {
				continue
			}
			e.out.Rules = append(e.out.Rules, ExplainedRule{
				Table: p.Into, Column: p.Columns[i].Name, Rule: rule, Row: name, Value: valueOf(p, i, row.Cells),
			})
		}
	}
}

// widestShown is how many bytes of a value are shown.
const widestShown = 80

func shownCell(cell []byte) string {
	switch {
	case cell == nil:
		return "NULL"
	case len(cell) > widestShown:
		return fmt.Sprintf("%q… (%d bytes)", cell[:widestShown], len(cell))
	}
	return fmt.Sprintf("%q", cell)
}
