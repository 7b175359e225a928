// Package shard holds what the three programs say to each other: the task that wakes a worker up, the receipt that a shard
// ends in, the note of a dead one, and the kinds of failure. The same structs travel as messages, stand in the ledger and are
// counted by the report. They carry ordinals, counts and hashes; never a bound of the keyspace and never a value of a row.
package shard

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"rehome/pkg/checksum"
)

// MaxBytes is the size above which a message is refused unread: a receipt of a few hundred tables stays far below it.
const MaxBytes = 512 << 10

// An ID names a shard of a committed plan. Run tells one plan of a migration from the next; Generation grows by one with each deliberate redo.
type ID struct {
	Migration  string `json:"migration"`
	Run        string `json:"run"`
	Ordinal    int    `json:"ordinal"`
	Generation int    `json:"generation"`
}

// String returns the ID as it appears in errors and logs.
func (id ID) String() string { return fmt.Sprintf("%s/%d.%d", id.Migration, id.Ordinal, id.Generation) }

func (id *ID) migration() string { return id.Migration }

// A Task tells a worker that a shard wants to be migrated. What is to be done stands in the ledger alone.
type Task struct {
	ID
	Mapping string `json:"mapping"` // hash of the mapping the plan was made from
	Schema  string `json:"schema"`  // fingerprint of both schemas when the plan was made
	Trace   Trace  `json:"-"`       // for who publishes it
}

// A Trace says where the trace of a shard begins, as W3C trace contexts (traceparent), each of which may be empty. It travels in a message's headers.
type Trace struct {
	Parent string // it goes on here: the shard's last attempt
	Link   string // it is a new one, and linked to this: the attempt that the shard, in its generation before, has died of
}

// A Table holds the sums of one entry of the mapping in one shard; all but Changed, Expected and Stored belong to the equation
// Source = Read = Written + Gathered + SetAside + Waiting + LeftOut. A redo's numbers are signed.
type Table struct {
	Entry    int          `json:"entry"` // position in the mapping's tables
	Source   int64        `json:"source_rows"`
	Read     int64        `json:"read"`
	Written  int64        `json:"written"`
	Gathered int64        `json:"gathered"`
	SetAside int64        `json:"set_aside"`
	Waiting  int64        `json:"waiting"`
	LeftOut  int64        `json:"left_out"`
	Changed  int64        `json:"changed_by_rule"`
	Extra    int64        `json:"extra,omitempty"` // rows written beyond the first that a join with many made of one source row
	Expected checksum.Sum `json:"expected_checksum"`
	Stored   checksum.Sum `json:"stored_checksum"`
}

// Plus returns the sums of t and u, which are of the same entry.
func (t Table) Plus(u Table) Table {
	return Table{
		Entry: t.Entry, Source: t.Source + u.Source, Read: t.Read + u.Read, Written: t.Written + u.Written,
		Gathered: t.Gathered + u.Gathered, SetAside: t.SetAside + u.SetAside, Waiting: t.Waiting + u.Waiting,
		LeftOut: t.LeftOut + u.LeftOut, Changed: t.Changed + u.Changed, Extra: t.Extra + u.Extra,
		Expected: t.Expected.Add(u.Expected), Stored: t.Stored.Add(u.Stored),
	}
}

// Unexplained returns how many rows of the source ended nowhere; below zero, how many ended more than once.
func (t Table) Unexplained() int64 {
	return t.Source - t.Written - t.Gathered - t.SetAside - t.Waiting - t.LeftOut
}

// A Rule counts the rows of one column that one rule changed.
type Rule struct {
	Entry  int    `json:"entry"`
	Column string `json:"column"`
	Rule   string `json:"rule"`
	Rows   int64  `json:"rows"`
}

// A Cause counts what one cause, KIND:TABLE.COLUMN, kept out.
type Cause struct {
	Cause string `json:"cause"`
	Users int64  `json:"users"`
	Rows  int64  `json:"rows"`
}

// Users counts what became of the users that the shard read.
type Users struct {
	Read        int64 `json:"read"`
	Migrated    int64 `json:"migrated"`
	Quarantined int64 `json:"quarantined"`
}

// A State is how a shard ended.
type State string

// The states of a shard in the ledger.
const (
	Planned State = "planned" // to be done, or in work
	Split   State = "split"   // replaced by shards that tile it
	Done    State = "done"
	Dead    State = "dead" // out of attempts; waits for a person

	Discarded State = "discarded" // was dead, and a person has let it go
)

// A Receipt is how one generation of a shard ended: done, dead or discarded.
type Receipt struct {
	ID
	State    State     `json:"state"`
	Wave     int       `json:"wave"`
	Attempt  int       `json:"attempt"`
	Mapping  string    `json:"mapping"`
	Users    Users     `json:"users"`
	Tables   []Table   `json:"tables"`
	Rules    []Rule    `json:"rules,omitempty"`
	Causes   []Cause   `json:"causes,omitempty"`
	Position string    `json:"position,omitempty"` // of the legacy server's binlog at the snapshot; empty without a binlog
	Xid      uint64    `json:"xid,omitempty"`      // of the target transaction
	Started  time.Time `json:"started_at"`
	Finished time.Time `json:"finished_at"`
	Timing   *Timing   `json:"timing,omitempty"` // of a done shard; nil where nobody has measured it, as of shards that an older release has done
}

// A DeadLetter tells which shard has died and of what; Error is redacted.
type DeadLetter struct {
	ID
	Cause    string        `json:"cause"` // KIND:TABLE.COLUMN, or the failure's class where nobody can tell more
	Error    string        `json:"error"`
	Attempts int           `json:"attempts"`
	Mapping  string        `json:"mapping"`
	Tried    Circumstances `json:"tried_with"`
	TraceID  string        `json:"trace_id,omitempty"`
	First    time.Time     `json:"first_at"`
	Last     time.Time     `json:"last_at"`
}

// Encode returns v, a Task, Receipt or DeadLetter, as a message's body.
func Encode(v any) ([]byte, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode %T: %w", v, err)
	}
	return body, nil
}

// Decode reads a message's body into v, a pointer to a Task, Receipt or DeadLetter. Messages come from outside: one that is too
// large, has unknown fields or trailing data, or names no migration is refused.
func Decode(body []byte, v any) error {
	if len(body) > MaxBytes {
		return fmt.Errorf("decode %T: %d bytes are more than the %d allowed", v, len(body), MaxBytes)
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return fmt.Errorf("decode %T: %w", v, err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("decode %T: data after the message's end", v)
	}
	if m, ok := v.(interface{ migration() string }); ok && m.migration() == "" {
		return fmt.Errorf("decode %T: it names no migration", v)
	}
	return nil
}
