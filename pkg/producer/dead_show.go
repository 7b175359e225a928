package producer

import (
	"context"
	"time"

	"rehome/pkg/ledger"
	"rehome/pkg/shard"
)

// A DeadShow is all that is known of one dead or discarded shard. It names users by their keys, and is for the person who asks alone.
type DeadShow struct {
	ID       string              `json:"id"`
	State    shard.State         `json:"state"`
	Kind     shard.Kind          `json:"kind"`
	Of       shard.Kind          `json:"of,omitempty"` // of units that were to be done again: what they are
	Wave     string              `json:"wave"`
	Into     string              `json:"into,omitempty"` // of rows of no user: the table
	Users    int64               `json:"planned_users"`
	Rows     int64               `json:"planned_rows"`
	Cause    string              `json:"cause"`
	Error    string              `json:"error"` // redacted
	Attempts int                 `json:"attempts"`
	TraceID  string              `json:"trace_id,omitempty"`
	First    time.Time           `json:"first_at"`
	Last     time.Time           `json:"last_at"`
	Reason   string              `json:"reason,omitempty"` // why it was discarded
	Tried    shard.Circumstances `json:"tried_with"`
	Changed  []string            `json:"changed_since"` // what is or may be another by now; none means that another attempt would meet the same
	Now      DeadNow             `json:"now"`
	Events   []ledger.Event      `json:"events"`
}

// A DeadNow is what the legacy database has of the shard by now.
type DeadNow struct {
	Users     int64       `json:"users"` // of a shard that does units again: those whom no shard has read
	FirstUser string      `json:"first_user,omitempty"`
	LastUser  string      `json:"last_user,omitempty"`
	Tables    []DeadTable `json:"tables"`
}

// A DeadTable counts the shard's rows of one entry.
type DeadTable struct {
	Into string `json:"into"`
	From string `json:"from"`
	Rows int64  `json:"rows"`
}

// Show returns what is known of a dead or discarded shard, and what both databases have of it by now. It needs Legacy. The error is an *IDError for an ID that is none, or that of
// a shard which is neither.
func (d *DeadLetters) Show(ctx context.Context, id string) (*DeadShow, error) {
	n, err := d.find(ctx, id)
	if err != nil {
		return nil, err
	}
	if n.letter == nil || n.stale {
		return nil, &IDError{id, "is not dead: " + n.standing()}
	}
	now, err := d.look(ctx)
	if err != nil {
		return nil, err
	}
	out := show(n)
	out.Wave = now.wave(n.shard.Wave)
	if n.shard.Entry >= 0 {
		out.Into = now.planned.Entries[n.shard.Entry].Into
	}
	if out.Changed, err = now.changed(ctx, n.letter.Tried); err != nil {
		return nil, err
	}
	if n.shard.State == shard.Discarded {
		if out.Reason, err = d.reason(ctx, n.shard.ID); err != nil {
			return nil, err
		}
	}
	if out.Events, err = d.ledger().Events(ctx, d.Migration, n.shard.Ordinal); err != nil {
		return nil, err
	}
	err = d.ledger().Examine(ctx, d.Migration, n.shard.Ordinal, func(ctx context.Context, x *ledger.Discarding) error {
		left, err := now.count(ctx, x)
		out.Now = now.tell(left)
		return err
	})
	return out, err
}

func show(n namedShard) *DeadShow {
	s, l := n.shard, n.letter
	return &DeadShow{
		ID: idOf(s.ID), State: s.State, Kind: s.Kind, Of: s.Of, Users: s.Users, Rows: s.Weight, Cause: l.Cause, Error: l.Error, Attempts: l.Attempts,
		TraceID: l.TraceID, First: l.First.UTC(), Last: l.Last.UTC(), Tried: l.Tried,
	}
}

func (s *scene) wave(n int) string {
	if n < len(s.planned.Waves) {
		return s.planned.Waves[n].Name
	}
	return "(after the waves)"
}

func (s *scene) tell(left ledger.LeftOut) DeadNow {
	now := DeadNow{Users: int64(len(left.Users)), Tables: []DeadTable{}}
	now.FirstUser, now.LastUser = span(left.Users)
	for _, t := range left.Tables {
		e := s.planned.Entries[t.Entry]
		now.Tables = append(now.Tables, DeadTable{Into: e.Into, From: e.From, Rows: t.Source})
	}
	return now
}

func (d *DeadLetters) reason(ctx context.Context, id shard.ID) (string, error) {
	discards, err := d.ledger().Discards(ctx, d.Migration)
	for _, s := range discards {
		if s.Ordinal == id.Ordinal {
			return s.Reason, err
		}
	}
	return "", err
}
