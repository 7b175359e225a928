package worker

import (
	"context"
	"errors"
	"time"

	"rehome/pkg/ledger"
	"rehome/pkg/shard"
)

// A setBack is why shards in work are rolled back that nothing is wrong with: the cause of their context.
type setBack struct{ why string }

// Error returns why.
func (s *setBack) Error() string { return s.why }

// setBackOf returns why the shard of the context is to be rolled back, nil where it is not.
func setBackOf(ctx context.Context) *setBack {
	var back *setBack
	errors.As(context.Cause(ctx), &back)
	return back
}

// rolledBack ends a shard whose transaction was ended for a reason that is none of its own.
func (s *slot) rolledBack(ctx context.Context, claim ledger.Claim, back *setBack) ending {
	_, err := s.Ledger.Failed(ctx, claim, ledger.Failure{Kind: shard.Outage}) // which releases it, and counts nothing
	return ending{claim: claim, what: "rolled back: " + back.why, delay: retryDelay, err: err}
}

// again is when a task is to come again whose shard may not be worked on now.
func (s *slot) again(answer ledger.Answer) time.Duration {
	switch answer {
	case ledger.Late:
		return lateDelay
	case ledger.Full:
		return retryDelay
	}
	return outageDelay
}
