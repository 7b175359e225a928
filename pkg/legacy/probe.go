package legacy

import (
	"context"
	"time"

	"rehome/pkg/keyspace"
	"rehome/pkg/mapping"
	"rehome/pkg/shard"
)

// Probe reads the rows of the users in the ranges of all plans that have users, from one snapshot, and tells what that has taken. What the server warns
// of, or no shard could move, is not its concern.
func (db *DB) Probe(ctx context.Context, m *mapping.Compiled, ranges []keyspace.Range) (shard.Probe, error) {
	s, err := db.Snapshot(ctx, Reading{Users: m.Keys, MaxRowBytes: m.File.MaxRowBytes})
	if err != nil {
		return shard.Probe{}, err
	}
	defer func() { _ = s.Close() }() // nothing was written: what was read counts
	var probe shard.Probe
	began := time.Now()
	for _, r := range ranges {
		for _, p := range m.Plans {
			if !p.OfUsers() {
				continue
			}
			err := s.Rows(ctx, p, shard.Slice{Kind: shard.OfUsers, Range: r}, func(row shard.Row) error {
				probe.Rows++
				for _, cell := range row.Cells {
					probe.Bytes += int64(len(cell))
				}
				return nil
			})
			if kind, _ := shard.KindOf(err); err != nil && kind != shard.Data {
				return shard.Probe{}, err
			}
		}
	}
	probe.Took = time.Since(began)
	return probe, nil
}
