package worker

import (
	"context"

	"rehome/pkg/legacy"
	"rehome/pkg/mapping"
	"rehome/pkg/shard"
	"rehome/pkg/throttle"
)

// A paced is a snapshot that is read no faster than the worker may.
type paced struct {
	*legacy.Snapshot
	flow *throttle.Flow
}

// Rows streams rows like the Snapshot's.
func (p *paced) Rows(ctx context.Context, e *mapping.RowPlan, s shard.Slice, yield func(shard.Row) error) error {
	return p.Snapshot.Rows(ctx, e, s, p.each(ctx, yield))
}

// Plain streams rows like the Snapshot's.
func (p *paced) Plain(ctx context.Context, e *mapping.RowPlan, s shard.Slice, yield func(shard.Row) error) error {
	return p.Snapshot.Plain(ctx, e, s, p.each(ctx, yield))
}

func (p *paced) each(ctx context.Context, yield func(shard.Row) error) func(shard.Row) error {
	return func(row shard.Row) error {
		if err := p.flow.Take(ctx, 1+int(row.Attributes.Rows)); err != nil {
			return err
		}
		return yield(row)
	}
}
