package dashboard

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"rehome/pkg/ledger"
	"rehome/pkg/plan"
	"rehome/pkg/shard"
)

// A Shard is all that may be told of one shard.
type Shard struct {
	ID          string        `json:"id"` // ordinal and generation
	Ordinal     int           `json:"ordinal"`
	Generation  int           `json:"generation"`
	Kind        shard.Kind    `json:"kind"`
	Into        string        `json:"into"` // of a shard whose units are rows of no user: the table; else empty
	Wave        string        `json:"wave"`
	State       string        `json:"state"` // planned, working, done, dead, discarded or split
	Users       int64         `json:"users"` // planned, as are the rows
	Rows        int64         `json:"rows"`
	Migrated    int64         `json:"migrated"`    // users, as the receipt says
	Quarantined int64         `json:"quarantined"` // likewise
	Attempts    int           `json:"attempts"`    // claims, over all generations
	Failures    int           `json:"failures"`    // attempts of this generation that failed by the fault of the data
	Outages     int           `json:"outages"`     // attempts that failed by no fault of the data
	Outage      string        `json:"outage"`      // of the last of them; redacted
	OutageAt    *time.Time    `json:"outage_at"`
	Cause       string        `json:"cause"` // of the last failure
	Error       string        `json:"error"` // likewise; redacted
	TraceID     string        `json:"trace_id"`
	Mapping     string        `json:"mapping"` // hash; empty until there is a receipt
	Holder      *Holder       `json:"holder"`
	Timing      *shard.Timing `json:"timing"`
	StartedAt   *time.Time    `json:"started_at"`
	FinishedAt  *time.Time    `json:"finished_at"`
	Tables      []ShardTable  `json:"tables"`
	Causes      []shard.Cause `json:"causes"`
	Parent      int           `json:"parent"` // -1 where there is none
	Children    []int32       `json:"children"`
	Events      []Event       `json:"events"`
	Discarded   string        `json:"discarded"` // why a person has let it go
}

// A Holder is who works on a shard.
type Holder struct {
	Host  string     `json:"host"`
	Since *time.Time `json:"since"`
}

// A ShardTable is what a shard has made of the rows of one entry.
type ShardTable struct {
	Into        string `json:"into"`
	From        string `json:"from"`
	Source      int64  `json:"source_rows"`
	Written     int64  `json:"written"`
	Gathered    int64  `json:"gathered"`
	SetAside    int64  `json:"set_aside"`
	Waiting     int64  `json:"waiting"`
	LeftOut     int64  `json:"left_out"`
	Changed     int64  `json:"changed_by_rule"`
	Unexplained int64  `json:"unexplained"`
}

// An Event is what happened to a shard.
type Event struct {
	At         time.Time      `json:"at"`
	Generation int            `json:"generation"`
	Attempt    int            `json:"attempt"`
	What       string         `json:"what"`
	Detail     map[string]any `json:"detail"`
}

func (d *Dashboard) shard(ctx context.Context, r *http.Request) (any, error) {
	ordinal, err := strconv.Atoi(r.PathValue("ordinal"))
	if err != nil || ordinal < 0 {
		return nil, wrong("look for a shard: /api/v1/shards/ takes the ordinal of one, as in /api/v1/shards/17")
	}
	m, err := d.config.Ledger.Load(ctx, d.migration())
	if err != nil {
		return nil, err
	}
	var record plan.Record
	if err := json.Unmarshal(m.Plan, &record); err != nil {
		return nil, fmt.Errorf("read the plan of migration %s in the ledger: %w", m.Name, err)
	}
	s, err := d.config.Ledger.ShardStory(ctx, m.Name, ordinal)
	if err != nil {
		return nil, err
	}
	return told(s, &record), nil
}

// told leaves out of a story what is for the ledger alone.
func told(s *ledger.ShardStory, record *plan.Record) *Shard {
	out := &Shard{
		ID: fmt.Sprintf("%d.%d", s.Ordinal, s.Generation), Ordinal: s.Ordinal, Generation: s.Generation, Kind: s.Kind, Wave: afterWaves, State: string(s.State),
		Users: s.Users, Rows: s.Weight, Attempts: s.Attempts, Failures: s.Failures, Outages: s.Outages, Outage: s.Outage, OutageAt: s.OutageAt,
		Cause: s.Cause, Error: s.Error, TraceID: s.TraceID, StartedAt: s.ClaimedAt, FinishedAt: s.DoneAt, Tables: []ShardTable{}, Causes: []shard.Cause{},
		Parent: s.Parent, Children: append([]int32{}, s.Children...), Events: []Event{}, Discarded: s.Discarded,
	}
	if s.Wave >= 0 && s.Wave < len(record.Waves) {
		out.Wave = record.Waves[s.Wave].Name
	}
	if s.Entry >= 0 && s.Entry < len(record.Entries) {
		out.Into = record.Entries[s.Entry].Into
	}
	if s.Host != "" {
		out.State, out.Holder = "working", &Holder{Host: s.Host, Since: s.ClaimedAt}
	}
	if s.Receipt != nil {
		out.receipt(s.Receipt, record)
	}
	for _, e := range s.Events {
		out.Events = append(out.Events, Event{At: e.At, Generation: e.Generation, Attempt: e.Attempt, What: e.What, Detail: safe(e.Detail)})
	}
	return out
}

// receipt adds what the shard has come to.
func (s *Shard) receipt(r *shard.Receipt, record *plan.Record) {
	s.Migrated, s.Quarantined, s.Timing, s.Mapping = r.Users.Migrated, r.Users.Quarantined, r.Timing, r.Mapping
	s.StartedAt, s.FinishedAt = &r.Started, &r.Finished
	s.Causes = append(s.Causes, r.Causes...)
	for _, t := range r.Tables {
		row := ShardTable{
			Source: t.Source, Written: t.Written, Gathered: t.Gathered, SetAside: t.SetAside, Waiting: t.Waiting, LeftOut: t.LeftOut, Changed: t.Changed,
			Unexplained: t.Unexplained(),
		}
		if t.Entry >= 0 && t.Entry < len(record.Entries) {
			row.Into, row.From = record.Entries[t.Entry].Into, record.Entries[t.Entry].From
		}
		s.Tables = append(s.Tables, row)
	}
}

// safeDetails are what of an event's details is shown: none of them holds a key or a value. What another release adds is not shown until it stands here.
var safeDetails = []string{"kind", "cause", "trace_id", "by", "was", "reason", "first", "undone", "outage", "error"}

func safe(detail json.RawMessage) map[string]any {
	var all map[string]any
	out := map[string]any{}
	if json.Unmarshal(detail, &all) != nil { // then there is nothing to show
		return out
	}
	for _, key := range safeDetails {
		if value, there := all[key]; there {
			out[key] = value
		}
	}
	return out
}
