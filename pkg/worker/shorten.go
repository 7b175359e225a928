package worker

import (
	"context"
	"fmt"
	"slices"

	"rehome/pkg/keyspace"
	"rehome/pkg/ledger"
	"rehome/pkg/legacy"
	"rehome/pkg/mapping"
	"rehome/pkg/shard"
)

// shorten splits a claimed shard that would take too long, and returns how its task ends with that; nil where it is to be moved as it is.
func (s *slot) shorten(ctx context.Context, claim ledger.Claim, mapped fitted) *ending {
	part := s.part()
	if sh := &claim.Shard; part == 0 || sh.Weight <= part || sh.Weight < 2*leastPart || !sh.Kind.Divisible() {
		return nil
	}
	e, err := s.inHalves(ctx, claim, mapped.Compiled)
	if err != nil {
		// To move it will meet the same, and knows what to say of it.
		s.Log.DebugContext(ctx, "a shard that would take long is not split", "migration", s.Migration, "shard", claim.Shard.Ordinal, "err", err)
	}
	return e
}

// inHalves splits a claimed shard in two; nil where it cannot be.
func (s *slot) inHalves(ctx context.Context, claim ledger.Claim, m *mapping.Compiled) (e *ending, err error) {
	defer s.recovered(ctx, "split", &claim.Shard, &err)
	h, err := s.halve(ctx, &claim.Shard, m)
	if err != nil || h.cut == nil {
		return nil, err
	}
	children, err := s.Ledger.SplitAs(ctx, claim, h.cut, h.users, h.weight)
	ended := s.divided(claim, children, err)
	return &ended, nil
}

// A half of a shard is what lies up to the cut; nil where there is none.
type half struct {
	cut           keyspace.Key
	users, weight int64
}

// Halves need not weigh the same: each step of the search counts all rows of the shard.
const (
	mostSteps = 6
	evenly    = 0.2 // of the weight, that a half may be off
)

// halve looks for the key behind which half of the shard's rows lie.
func (s *slot) halve(ctx context.Context, sh *shard.Shard, m *mapping.Compiled) (best half, err error) {
	snapshot, err := s.Legacy.Snapshot(ctx, legacy.Reading{Users: m.Keys, MaxRowBytes: m.File.MaxRowBytes})
	if err != nil {
		return half{}, err
	}
	defer func() { _ = snapshot.Close() }() // nothing was written: what was counted counts
	slice := shard.Slice{Kind: sh.Kind, Range: sh.Range}
	if sh.Kind == shard.OwnKey {
		slice.Entry = m.Plans[sh.Entry]
	} else if where := m.File.Waves[sh.Wave].Where; where != nil {
		slice.Where = where.SQL
	}
	units, err := snapshot.CountUnits(ctx, slice)
	if err != nil {
		return half{}, err
	}
	off := 1.0
	for lo, hi, step := int64(0), units, 0; hi-lo > 1 && step < mostSteps; step++ {
		middle := lo + (hi-lo)/2
		cut, err := snapshot.Cut(ctx, slice, int(middle))
		if err != nil || cut == nil || slices.Equal(cut, sh.Range.Through) {
			return best, err
		}
		share, err := s.shareOf(ctx, sh, m, cut)
		if err != nil {
			return half{}, err
		}
		if d := max(share-0.5, 0.5-share); d < off {
			off, best = d, half{cut, sh.Users * middle / units, int64(share * float64(sh.Weight))}
		}
		switch {
		case off <= evenly:
			return best, nil
		case share < 0.5:
			lo = middle
		default:
			hi = middle
		}
	}
	return best, nil
}

// shareOf returns which share of the rows of the shard's range lies up to the cut.
func (s *slot) shareOf(ctx context.Context, sh *shard.Shard, m *mapping.Compiled, cut keyspace.Key) (float64, error) {
	ranges := []keyspace.Range{{After: sh.Range.After, Through: cut}, {After: cut, Through: sh.Range.Through}}
	var low, high int64
	for _, p := range m.Plans {
		if mine := sh.Kind == shard.OwnKey && p.Ordinal == sh.Entry || sh.Kind.ByUser() && p.OfUsers(); !mine {
			continue
		}
		counts, err := s.Legacy.Weigh(ctx, m.Keys, p, ranges)
		if err != nil {
			return 0, err
		}
		low, high = low+counts[0], high+counts[1]
	}
	if low+high == 0 {
		return 0, fmt.Errorf("weigh the halves of shard %s: it has no rows", sh.ID)
	}
	return float64(low) / float64(low+high), nil
}
