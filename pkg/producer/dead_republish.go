package producer

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"rehome/pkg/ledger"
	"rehome/pkg/pausepoint"
	"rehome/pkg/shard"
)

// A Selection says which dead letters are meant: those with the IDs, those of a cause, or all.
type Selection struct {
	IDs   []string
	Cause string
	All   bool
}

// What has become of a shard that was to be republished.
const (
	Republished = "republished"
	OnItsWay    = "on its way" // it is not dead any more
	Refused     = "refused"
)

// A Republication tells what became of each.
type Republication struct {
	Migration string             `json:"migration"`
	Shards    []RepublishedShard `json:"shards"`
	Others    []string           `json:"other_causes,omitempty"` // of dead shards, where none is of the cause that was meant
}

// A RepublishedShard is one of them.
type RepublishedShard struct {
	ID     string `json:"id"`     // that was meant
	Result string `json:"result"` // republished, on its way or refused
	Why    string `json:"why"`
	Queued bool   `json:"queued"` // its task is published; else the next run does that
}

// Refused counts those that were refused.
func (r *Republication) Refused() (n int) {
	for _, s := range r.Shards {
		if s.Result == Refused {
			n++
		}
	}
	return n
}

// Republish gives dead shards another life, and discarded ones that are named by their ID. Without force it refuses each that would meet what it died of: it needs
// Legacy for that. The ledger comes first, each shard by itself, so that it may be repeated at any time; whatever fails behind it is repaired by the next
// run. The error is an *IDError where an ID is none, and then nothing was done.
func (d *DeadLetters) Republish(ctx context.Context, which Selection, force bool) (*Republication, error) {
	shards, err := d.selected(ctx, which)
	if err != nil {
		return nil, err
	}
	out := &Republication{Migration: d.Migration, Shards: []RepublishedShard{}}
	if len(shards) == 0 {
		list, err := d.List(ctx, "")
		if err != nil {
			return nil, err
		}
		for _, c := range list.Causes {
			out.Others = append(out.Others, c.Cause)
		}
	}
	var now *scene
	for _, n := range shards {
		result := RepublishedShard{ID: idOf(n.shard.ID), Result: OnItsWay, Why: "not dead any more: " + n.standing()}
		if n.letter != nil && !n.stale {
			if now == nil && !force {
				if now, err = d.look(ctx); err != nil {
					return out, err
				}
			}
			if err := d.republish(ctx, n, now, &result); err != nil {
				return out, err
			}
		}
		out.Shards = append(out.Shards, result)
	}
	return out, nil
}

func (d *DeadLetters) selected(ctx context.Context, which Selection) (shards []namedShard, err error) {
	for _, id := range which.IDs {
		n, err := d.find(ctx, id)
		if err != nil {
			return nil, err
		}
		shards = append(shards, n)
	}
	if len(which.IDs) > 0 {
		return shards, nil
	}
	dead, err := d.ledger().DeadShards(ctx, d.Migration)
	if err != nil {
		return nil, err
	}
	for i := range dead {
		if which.All || dead[i].Letter.Cause == which.Cause {
			shards = append(shards, namedShard{shard: &dead[i].Shard, letter: &dead[i].Letter})
		}
	}
	return shards, nil
}

// republish decides about one shard; now is nil where it does not matter what has changed.
func (d *DeadLetters) republish(ctx context.Context, n namedShard, now *scene, result *RepublishedShard) error {
	if n.dead() && now != nil {
		changed, err := now.changed(ctx, n.letter.Tried)
		if err != nil {
			return err
		}
		if len(changed) == 0 {
			result.Result, result.Why = Refused, unchanged(n.letter)
			return nil
		}
		result.Why = strings.Join(changed, ", ")
	} else {
		result.Why = "as you said"
	}
	revived, err := d.ledger().Republish(ctx, n.shard.ID, d.By)
	switch {
	case errors.Is(err, ledger.ErrEnding):
		result.Result, result.Why = Refused, ledger.ErrEnding.Error()
		return nil
	case errors.Is(err, ledger.ErrDoneAgain):
		result.Result, result.Why = Refused, ledger.ErrDoneAgain.Error()
		return nil
	case err != nil:
		return err
	case !revived.Again:
		result.Why = "somebody else was faster"
		return nil
	}
	pausepoint.At("republished")
	result.Result = Republished
	result.Queued = d.publish(ctx, revived)
	return nil
}

// unchanged says why another attempt would end as the last one did.
func unchanged(l *shard.DeadLetter) string {
	return fmt.Sprintf("nothing has changed since it died on %s: mapping %s, rehome %s, the legacy database and the target's tables are as they were; "+
		"change what the cause names (%s), or say --force", l.Last.UTC().Format("2006-01-02 15:04:05 UTC"), l.Tried.Mapping, l.Tried.Rehome, l.Cause)
}

// publish brings the queue up to the ledger. What it cannot do, the next run does.
func (d *DeadLetters) publish(ctx context.Context, revived ledger.Revival) (queued bool) {
	if d.Queue == nil {
		return false
	}
	if revived.Load {
		if _, err := d.Queue.PublishTask(ctx, revived.Task); err != nil {
			d.unsaid(ctx, revived.Task.ID, err)
			return false
		}
	}
	pausepoint.At("task_published")
	if err := d.Queue.RemoveDead(ctx, revived.Task.ID); err != nil {
		d.unsaid(ctx, revived.Task.ID, err)
	}
	return revived.Load
}

func (d *DeadLetters) unsaid(ctx context.Context, id shard.ID, err error) {
	d.Log.WarnContext(ctx, "the ledger has it, and the queue does not; the next producer run repairs that", "migration", id.Migration, "shard", id.Ordinal, "err", err)
}
