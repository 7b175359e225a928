// Package transfer migrates one shard: it reads the units of the shard and all that is theirs from one snapshot, encodes the
// rows, copies them in bounded windows, reads them back and compares, isolates what cannot be migrated, and closes the shard's
// account in the ledger. All of it happens in one transaction, which the caller begins and commits. It knows neither MySQL nor
// PostgreSQL nor NATS: it declares the interfaces that it needs of them.
package transfer

import (
	"context"
	"fmt"
	"time"

	"rehome/pkg/keyspace"
	"rehome/pkg/mapping"
	"rehome/pkg/shard"
)

// Limits bound what one shard may take. The zero value of a field means its default.
type Limits struct {
	WindowRows  int // rows that are copied and read back at once, 32k by default
	WindowBytes int // and their encoded size, 8 MiB by default; a wider row makes a window of its own
	Attempts    int // loads of parts of a shard after the first has failed, 200 by default; past it the shard is split
}

func (l Limits) orDefault() Limits {
	if l.WindowRows == 0 {
		l.WindowRows = 32 << 10
	}
	if l.WindowBytes == 0 {
		l.WindowBytes = 8 << 20
	}
	if l.Attempts == 0 {
		l.Attempts = 200
	}
	return l
}

// A Mover migrates shards of one mapping. It holds no state between shards; any number of goroutines may use it if it has no Memory.
type Mover struct {
	Mapping *mapping.Compiled
	Limits  Limits
	Memory  *Memory // that one shard leaves to the next; may be nil
}

func (m *Mover) memory() *Memory {
	if m.Memory == nil {
		return &Memory{}
	}
	return m.Memory
}

// A Crowded error says that a shard holds more poison than is worth isolating at once. The shard is to be split behind Cut.
type Crowded struct {
	Attempts int
	Cut      keyspace.Key
}

// Error tells how many parts were tried.
func (c *Crowded) Error() string {
	return fmt.Sprintf("gave up isolating what cannot be migrated after %d partial loads; the shard is split", c.Attempts)
}

// Move migrates the shard and returns its receipt, which Close has written; nothing counts until the caller has committed. Its
// errors carry a shard.Failure, or are a *Crowded.
func (m *Mover) Move(ctx context.Context, s *shard.Shard, attempt int, src Source, tgt Target, book Book) (shard.Receipt, error) {
	started := time.Now()
	mv := &move{
		mapping: m.Mapping, limits: m.Limits.orDefault(), shard: s, src: src, tgt: tgt, book: book,
		quarantined: map[int32]string{}, plans: m.plans(s), total: newTally(m.Mapping), memory: m.memory(),
	}
	if err := mv.readUnits(ctx, m.where(s), book); err != nil {
		return shard.Receipt{}, fmt.Errorf("read the units of shard %s: %w", s, err)
	}
	if err := mv.load(ctx, 0, len(mv.units)); err != nil {
		return shard.Receipt{}, fmt.Errorf("load shard %s: %w", s, err)
	}
	if err := mv.confirm(ctx); err != nil {
		return shard.Receipt{}, fmt.Errorf("confirm shard %s: %w", s, err)
	}
	outcome := mv.outcome()
	outcome.Receipt.Attempt, outcome.Receipt.Mapping = attempt, m.Mapping.Hash
	outcome.Receipt.Started, outcome.Receipt.Finished = started.UTC(), time.Now().UTC()
	if err := book.Close(ctx, outcome); err != nil {
		return shard.Receipt{}, fmt.Errorf("close the account of shard %s: %w", s, err)
	}
	return outcome.Receipt, nil
}

// plans returns the entries whose rows the shard holds.
func (m *Mover) plans(s *shard.Shard) []*mapping.RowPlan {
	if !s.Units().ByUser() {
		return m.Mapping.Plans[s.Entry : s.Entry+1]
	}
	var plans []*mapping.RowPlan
	for _, p := range m.Mapping.Plans {
		if p.OfUsers() {
			plans = append(plans, p)
		}
	}
	return plans
}

// where returns the condition of the shard's wave. A late shard takes everybody whom the ledger does not hold.
func (m *Mover) where(s *shard.Shard) string {
	if s.Kind != shard.OfUsers || m.Mapping.File.Waves[s.Wave].Where == nil {
		return ""
	}
	return m.Mapping.File.Waves[s.Wave].Where.SQL
}

// A move is one attempt at one shard.
type move struct {
	mapping *mapping.Compiled
	limits  Limits
	shard   *shard.Shard
	src     Source
	tgt     Target
	book    Book
	plans   []*mapping.RowPlan
	memory  *Memory

	base    shard.Slice
	units   []keyspace.Key
	names   []string         // canonical key of each of the units
	index   map[string]int32 // and its position; empty until somebody is looked for
	dropped bool             // units of the range are missing from units, as the ledger holds them

	quarantined map[int32]string // unit to cause
	refusals    []shard.Refusal
	collisions  []shard.Collision
	attempts    int
	total       *tally
	confirmed   []shard.Window // what has to be read back once more, see confirm
}

// readUnits reads whom the shard is about, and drops the users whom the ledger holds already.
func (m *move) readUnits(ctx context.Context, where string, book Holder) error {
	m.base = shard.Slice{Kind: m.shard.Kind, Range: m.shard.Range, Where: where}
	if !m.shard.Units().ByUser() {
		m.base.Entry = m.plans[0]
	}
	units, err := m.src.Units(ctx, m.base)
	if err != nil {
		return err
	}
	if m.shard.Units().ByUser() && len(units) > 0 {
		held, err := book.Held(ctx, m.shard, units)
		if err != nil {
			return err
		}
		units, m.dropped = without(units, held), len(held) > 0
	}
	m.units = units
	m.names, m.index = m.memory.numbered(units)
	if !ascending(m.names) && m.indexed() != len(units) {
		return shard.Failf(shard.Schema, "the key that shard %s ranges over is not unique: %d keys for %d units", m.shard, len(m.index), len(units))
	}
	return nil
}

// ascending reports whether each text is above the one before, be it as numbers are, so that none is there twice.
func ascending(texts []string) bool {
	asTexts, asNumbers := true, true
	for i := 1; i < len(texts) && (asTexts || asNumbers); i++ {
		above := texts[i-1] < texts[i]
		asTexts = asTexts && above
		asNumbers = asNumbers && (len(texts[i-1]) < len(texts[i]) || len(texts[i-1]) == len(texts[i]) && above)
	}
	return asTexts || asNumbers
}

// indexed fills the index where it is empty, and returns how many keys it has.
func (m *move) indexed() int {
	if len(m.index) == 0 {
		for i, name := range m.names {
			m.index[name] = int32(i)
		}
	}
	return len(m.index)
}

// unit returns the position of a unit's canonical key.
func (m *move) unit(key []byte) (unit int32, known bool) {
	m.indexed()
	unit, known = m.index[string(key)]
	return unit, known
}

func without(units []keyspace.Key, held map[int]bool) []keyspace.Key {
	if len(held) == 0 {
		return units
	}
	kept := make([]keyspace.Key, 0, len(units)-len(held))
	for i, key := range units {
		if !held[i] {
			kept = append(kept, key)
		}
	}
	return kept
}

// slice returns the part of the shard that holds units lo up to but not including hi.
func (m *move) slice(lo, hi int) shard.Slice {
	s := m.base
	if lo > 0 {
		s.Range.After = m.units[lo-1]
	}
	if hi < len(m.units) {
		s.Range.Through = m.units[hi-1]
	}
	if m.dropped {
		s.Only = m.units[lo:hi]
	}
	return s
}

// outcome sums up the shard.
func (m *move) outcome() shard.Outcome {
	o := shard.Outcome{
		Units: m.units, Quarantined: m.quarantined, Refusals: m.refusals, Waits: m.total.waits, Collisions: m.collisions, Sums: m.total.unitSums(),
		Receipt: shard.Receipt{
			ID: m.shard.ID, State: shard.Done, Wave: m.shard.Wave, Position: m.src.Position(),
			Tables: m.total.receipt(m.plans), Rules: m.total.ruleCounts(), Causes: m.causes(),
		},
	}
	if m.shard.Units().ByUser() {
		n, bad := int64(len(m.units)), int64(len(m.quarantined))
		o.Receipt.Users = shard.Users{Read: n, Migrated: n - bad, Quarantined: bad}
	}
	return o
}
