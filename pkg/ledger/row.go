package ledger

import (
	"time"

	"github.com/jackc/pgx/v5"

	"rehome/pkg/keyspace"
	"rehome/pkg/shard"
)

// record is a row of rehome.shard as far as the claim protocol needs it, with the run of its migration.
type record struct {
	shard.Shard
	mapping               string
	attempt, failures     int
	cause, error, traceID string
	firstFailed, lastFail *time.Time
	receipt               *shard.Receipt
	tried                 shard.Circumstances
	discarded             string
}

// shardColumns are what scanRecord reads, of tables s (rehome.shard) and m (rehome.migration).
const shardColumns = `s.migration, m.run, s.ordinal, s.generation, s.kind, s.wave, s.entry, s.after_key, s.through_key, s.cell_first, s.cell_limit,
	s.users, s.weight, s.parent, s.state, s.of_kind, s.mapping_hash, s.attempt, s.failures, coalesce(s.cause, ''), coalesce(s.error, ''),
	coalesce(s.trace_id, ''), s.first_failed, s.last_failed, s.receipt, coalesce(s.tried_with, '{}'), coalesce(s.discarded, '')`

func scanRecord(row pgx.CollectableRow) (record, error) {
	var r record
	var after, through []byte
	err := row.Scan(&r.Migration, &r.Run, &r.Ordinal, &r.Generation, &r.Kind, &r.Wave, &r.Entry, &after, &through, &r.Cells[0], &r.Cells[1],
		&r.Users, &r.Weight, &r.Parent, &r.State, &r.Of, &r.mapping, &r.attempt, &r.failures, &r.cause, &r.error,
		&r.traceID, &r.firstFailed, &r.lastFail, &r.receipt, &r.tried, &r.discarded)
	if err == nil {
		r.Range, err = unmarshalRange(after, through)
	}
	return r, err
}

func unmarshalRange(after, through []byte) (r keyspace.Range, err error) {
	if r.After, err = keyspace.Unmarshal(after); err != nil {
		return r, err
	}
	r.Through, err = keyspace.Unmarshal(through)
	return r, err
}

// letter is the note of a dead shard.
func (r *record) letter() *shard.DeadLetter {
	letter := &shard.DeadLetter{ID: r.ID, Cause: r.cause, Error: r.error, Attempts: r.attempt, Mapping: r.mapping, Tried: r.tried, TraceID: r.traceID}
	if r.firstFailed != nil && r.lastFail != nil {
		letter.First, letter.Last = *r.firstFailed, *r.lastFail
	}
	return letter
}

// insertColumns and insertValues are what a new shard's row is made of; the rest has defaults.
var insertColumns = []string{
	"migration", "ordinal", "generation", "kind", "wave", "entry", "after_key", "through_key", "cell_first", "cell_limit",
	"users", "weight", "parent", "state", "of_kind", "mapping_hash",
}

func insertValues(s *shard.Shard, mapping string) []any {
	return []any{
		s.Migration, s.Ordinal, s.Generation, s.Kind, s.Wave, s.Entry, s.Range.After.Marshal(), s.Range.Through.Marshal(), s.Cells[0], s.Cells[1],
		s.Users, s.Weight, s.Parent, shard.Planned, s.Of, mapping,
	}
}
