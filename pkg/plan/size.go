package plan

import (
	"context"
	"fmt"
	"time"

	"rehome/pkg/keyspace"
	"rehome/pkg/shard"
)

// What a shard that finds its size itself is made for.
const (
	shardTime   = 5 * time.Second // that it takes: what is repeated when a worker dies, and what others wait for at the end
	shardBytes  = 256 << 20       // that it brings at most: one transaction
	leastShards = 50              // so that all workers have some, to the end
	leastRows   = 2_000           // below that its round trips are what it takes
	mostRows    = 200_000         // its keys are kept while it is in work
)

// timesRead is how many times as long as to read a row it takes to move it: it is read, converted, copied and read back.
const timesRead = 5

// A probe reads so many parts of the roll, which lie evenly over it, of about so many rows in all.
const (
	probedParts = 16
	probedRows  = 8_000
)

// size finds the weight of a shard where the mapping says auto.
func (p *planner) size(ctx context.Context) error {
	if p.weight == 0 {
		probe, err := p.probe(ctx)
		if err != nil {
			return fmt.Errorf("probe how long rows take to be read: %w", err)
		}
		p.weight = fitting(p.rows(), probe)
	}
	p.plan.ShardRows = p.weight
	return nil
}

// rows returns how many rows hang off users, their own among them.
func (p *planner) rows() (n int64) {
	for _, plan := range p.mapping.Plans {
		if plan.OfUsers() {
			n += p.plan.Rows[plan.Ordinal]
		}
	}
	return n
}

// fitting returns the weight of a shard of so many rows in all, as a probe has found them. It is rounded, as nobody can know it better.
func fitting(rows int64, probe shard.Probe) int64 {
	fit := int64(mostRows)
	if probe.Rows > 0 {
		each := timesRead * probe.Took / time.Duration(probe.Rows)
		fit = min(fit, int64(shardTime/max(1, each)), shardBytes/max(1, probe.Bytes/probe.Rows))
	}
	fit = max(leastRows, min(fit, rows/leastShards))
	return fit / 1000 * 1000
}

// probe reads rows from all over the population, twice: the first time brings them, or connections, near, which one shard does for the next one.
func (p *planner) probe(ctx context.Context) (probe shard.Probe, err error) {
	ranges := p.samples()
	if len(ranges) == 0 {
		return probe, nil
	}
	for range 2 {
		if probe, err = p.src.Probe(ctx, p.mapping, ranges); err != nil {
			return probe, err
		}
	}
	return probe, nil
}

// samples returns ranges of the users' key that lie evenly over the roll, each of one part or a few.
func (p *planner) samples() (ranges []keyspace.Range) {
	parts := len(p.roll.ends)
	if parts == 0 {
		return nil
	}
	each := int(max(1, int64(parts)*probedRows/probedParts/max(1, p.rows())))
	for i := range min(probedParts, parts) {
		first := i * parts / min(probedParts, parts)
		r := p.roll.within(first, min(first+each, parts))
		r.Through = p.roll.ends[min(first+each, parts)-1]
		ranges = append(ranges, r)
	}
	return ranges
}
