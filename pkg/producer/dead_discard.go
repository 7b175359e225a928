package producer

import (
	"context"

	"rehome/pkg/ledger"
	"rehome/pkg/pausepoint"
	"rehome/pkg/shard"
)

// Discard lets a dead shard go: its users and rows are left out from then on, as many as the legacy database has in one snapshot of this moment, which are
// returned. It needs Legacy. The error is a *Refusal for a shard that is not dead, and an *IDError for an ID that is none.
func (d *DeadLetters) Discard(ctx context.Context, id, reason string) (*DiscardedShard, error) {
	n, err := d.find(ctx, id)
	if err != nil {
		return nil, err
	}
	notDead := func() error {
		return refuse("shard %s is not dead, and cannot be discarded: %s", id, n.standing())
	}
	if !n.dead() {
		return nil, notDead()
	}
	now, err := d.look(ctx)
	if err != nil {
		return nil, err
	}
	receipt, err := d.ledger().Discard(ctx, n.shard.ID, reason, d.By, now.count)
	if err != nil {
		return nil, err
	}
	if receipt == nil {
		return nil, notDead()
	}
	pausepoint.At("discarded")
	d.announce(ctx, receipt)
	out := &DiscardedShard{ID: idOf(receipt.ID), Users: receipt.Users.Read, Reason: reason, At: receipt.Finished}
	for _, t := range receipt.Tables {
		out.Rows += t.LeftOut
	}
	return out, nil
}

// announce brings the queue up to the ledger, as publish does.
func (d *DeadLetters) announce(ctx context.Context, receipt *shard.Receipt) {
	if d.Queue == nil {
		return
	}
	err := d.Queue.PublishReceipt(ctx, *receipt)
	if err == nil {
		err = d.Queue.RemoveDead(ctx, receipt.ID)
	}
	if err != nil {
		d.unsaid(ctx, receipt.ID, err)
	}
}

// recount counts what discarded shards leave out once more: who ends the load again may find another legacy database than they did.
func (r *Run) recount(ctx context.Context) error {
	discards, err := r.ledger.Discards(ctx, r.m.Name)
	if err != nil || len(discards) == 0 {
		return err
	}
	s := scene{m: r.m, mapping: r.mapping, DeadLetters: &DeadLetters{Legacy: r.Legacy}}
	for i := range discards {
		left, err := s.countAgain(ctx, r.ledger, &discards[i])
		if err != nil {
			return err
		}
		if err := r.ledger.Recount(ctx, discards[i].ID, left); err != nil {
			return err
		}
	}
	return nil
}

// countAgain tells what the legacy database has of a discarded shard by now: of the same users, but of all rows of no user in its range.
func (s *scene) countAgain(ctx context.Context, l *ledger.Ledger, d *ledger.Discard) (left ledger.LeftOut, err error) {
	snapshot, mover, err := s.open(ctx)
	if err != nil {
		return left, err
	}
	defer func() { _ = snapshot.Close() }() // nothing was written: what was counted counts
	left.Position = snapshot.Position()
	if !d.Units().ByUser() {
		if d.Kind != shard.Redo {
			_, left.Tables, err = mover.LeaveOut(ctx, &d.Shard, snapshot, nil)
		}
		return left, err
	}
	users, err := l.Discarded(ctx, d.ID)
	if err != nil {
		return left, err
	}
	left.Tables, err = mover.LeaveOutUsers(ctx, &d.Shard, snapshot, users)
	return left, err
}
