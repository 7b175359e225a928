package report

import (
	"sync"

	"rehome/pkg/shard"
)

// A Tally adds receipts up as they arrive, each shard and generation once, whoever delivers it and however often. It is safe for use
// by several goroutines.
type Tally struct {
	mu    sync.Mutex
	seen  map[seen]bool
	sums  Progress
	tries map[int]try // by ordinal, the newest generation
}

type seen struct{ ordinal, generation int }

type try struct {
	generation int
	state      shard.State
}

// Has reports whether a receipt of that shard and generation was counted.
func (t *Tally) Has(ordinal, generation int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.seen[seen{ordinal, generation}]
}

// Add counts the receipt, and reports whether it was new.
func (t *Tally) Add(r shard.Receipt) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	key := seen{r.Ordinal, r.Generation}
	if t.seen == nil {
		t.seen, t.tries = map[seen]bool{}, map[int]try{}
	}
	if t.seen[key] {
		return false
	}
	t.seen[key] = true
	if newest, ok := t.tries[r.Ordinal]; !ok || newest.generation < r.Generation {
		if ok {
			*t.of(newest.state)--
		}
		t.tries[r.Ordinal] = try{r.Generation, r.State}
		*t.of(r.State)++
	}
	if r.State == shard.Discarded {
		return true
	}
	t.sums.Users.Migrated += r.Users.Migrated
	t.sums.Users.Quarantined += r.Users.Quarantined
	for _, table := range r.Tables {
		t.sums.Rows += table.Written
	}
	return true
}

// of returns the number of the shards whose newest receipt has the state.
func (t *Tally) of(state shard.State) *int64 {
	switch state {
	case shard.Dead:
		return &t.sums.Shards.Dead
	case shard.Discarded:
		return &t.sums.Shards.Discarded
	}
	return &t.sums.Shards.Done
}

// Sums returns what was counted so far: users, rows and shards, without what was planned. It takes no longer the more there is.
func (t *Tally) Sums() Progress {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.sums
}
