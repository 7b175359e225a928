package producer

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"rehome/pkg/ledger"
	"rehome/pkg/legacy"
	"rehome/pkg/plan"
	"rehome/pkg/queue"
	"rehome/pkg/shard"
)

// DeadLetters are the dead shards of one migration, for the person who has to decide about them. Legacy and Queue may be nil, where a method does not
// say that it needs them: what is not published then, the next run publishes.
type DeadLetters struct {
	Migration string
	Pool      *pgxpool.Pool
	Legacy    *legacy.DB
	Queue     *queue.Conn
	Log       *slog.Logger
	Version   string
	By        string // who decides
}

func (d *DeadLetters) ledger() *ledger.Ledger { return ledger.Open(d.Pool) }

func (d *DeadLetters) load(ctx context.Context) (m *ledger.Migration, planned plan.Record, err error) {
	if m, err = d.ledger().Load(ctx, d.Migration); err != nil {
		return nil, planned, err
	}
	if err := json.Unmarshal(m.Plan, &planned); err != nil {
		return nil, planned, fmt.Errorf("read the plan of migration %s in the ledger: %w", m.Name, err)
	}
	return m, planned, nil
}

// A DeadList is what is dead, by its causes, and what was discarded.
type DeadList struct {
	Migration string           `json:"migration"`
	Causes    []DeadCause      `json:"causes"`
	Discarded []DiscardedShard `json:"discarded"`
}

// A DeadCause is what has died of one cause.
type DeadCause struct {
	Cause  string    `json:"cause"`
	Shards int       `json:"shards"`
	Users  int64     `json:"users"` // planned, as are the rows
	Rows   int64     `json:"rows"`
	First  time.Time `json:"first_at"`
	Last   time.Time `json:"last_at"`
	Error  string    `json:"error"` // of the last of them; redacted
	IDs    []string  `json:"ids"`
}

// A DiscardedShard is what somebody has let go.
type DiscardedShard struct {
	ID     string    `json:"id"`
	Users  int64     `json:"users"`
	Rows   int64     `json:"rows"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

// List returns the dead shards, those of one cause where that is not empty; the most shards come first.
func (d *DeadLetters) List(ctx context.Context, cause string) (*DeadList, error) {
	dead, err := d.ledger().DeadShards(ctx, d.Migration)
	if err != nil {
		return nil, err
	}
	out := &DeadList{Migration: d.Migration, Causes: []DeadCause{}, Discarded: []DiscardedShard{}}
	for _, s := range dead {
		if cause == "" || s.Letter.Cause == cause {
			out.add(&s)
		}
	}
	slices.SortStableFunc(out.Causes, func(a, b DeadCause) int {
		return cmp.Or(cmp.Compare(b.Shards, a.Shards), strings.Compare(a.Cause, b.Cause))
	})
	discards, err := d.ledger().Discards(ctx, d.Migration)
	if err != nil {
		return nil, err
	}
	for _, s := range discards {
		out.Discarded = append(out.Discarded, DiscardedShard{ID: idOf(s.ID), Users: s.Read, Rows: s.Rows(), Reason: s.Reason, At: s.At})
	}
	return out, nil
}

func (l *DeadList) add(s *ledger.DeadShard) {
	letter := &s.Letter
	i := slices.IndexFunc(l.Causes, func(c DeadCause) bool { return c.Cause == letter.Cause })
	if i < 0 {
		i = len(l.Causes)
		l.Causes = append(l.Causes, DeadCause{Cause: letter.Cause, First: letter.First})
	}
	c := &l.Causes[i]
	c.Shards, c.Users, c.Rows, c.IDs = c.Shards+1, c.Users+s.Users, c.Rows+s.Weight, append(c.IDs, idOf(letter.ID))
	if letter.First.Before(c.First) {
		c.First = letter.First
	}
	if !letter.Last.Before(c.Last) {
		c.Last, c.Error = letter.Last, letter.Error
	}
}

// idOf spells what a person types to mean the shard: its ordinal and generation.
func idOf(id shard.ID) string { return fmt.Sprintf("%d.%d", id.Ordinal, id.Generation) }

// An IDError is an ID that no dead letter can have.
type IDError struct{ ID, Problem string }

// Error names the ID.
func (e *IDError) Error() string { return fmt.Sprintf("%s %s", e.ID, e.Problem) }

// A namedShard is a shard that somebody has named by an ID.
type namedShard struct {
	shard  *shard.Shard
	letter *shard.DeadLetter // nil unless the shard is dead or discarded
	stale  bool              // the ID is of an earlier generation
}

// find returns the shard of an ID as List spells it, or of its ordinal alone, which means the newest generation. The error is an *IDError where there is
// no such shard.
func (d *DeadLetters) find(ctx context.Context, id string) (namedShard, error) {
	before, after, dotted := strings.Cut(id, ".")
	ordinal, err := strconv.Atoi(before)
	generation := -1
	if err == nil && dotted {
		generation, err = strconv.Atoi(after)
	}
	if err != nil || ordinal < 0 || dotted && generation < 0 {
		return namedShard{}, &IDError{id, "is not an ID as producer dead list prints them, 17 or 17.0"}
	}
	s, letter, err := d.ledger().Shard(ctx, d.Migration, ordinal)
	if errors.Is(err, ledger.ErrNotFound) || err == nil && generation > s.Generation {
		return namedShard{}, &IDError{id, "is no shard of migration " + d.Migration + ": producer dead list shows those that are dead"}
	}
	if err != nil {
		return namedShard{}, err
	}
	return namedShard{s, letter, dotted && generation < s.Generation}, nil
}

// standing tells what has become of the shard.
func (n *namedShard) standing() string {
	return fmt.Sprintf("it is %s by now, and %s", idOf(n.shard.ID), n.shard.State)
}

// dead reports whether the shard is dead in the generation that was meant.
func (n *namedShard) dead() bool { return n.shard.State == shard.Dead && !n.stale }
