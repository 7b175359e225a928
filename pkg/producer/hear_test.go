package producer

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"rehome/pkg/ledger"
)

func TestWaitingForShards(t *testing.T) {
	told := func(c <-chan struct{}) bool {
		select {
		case <-c:
			return true
		default:
			return false
		}
	}
	t.Run("whoever waits is told when so many have ended, and not before", func(t *testing.T) {
		r := &Run{}
		r.Settled()
		waits := r.heard.from(r.heard.count() + 2)
		r.Settled()
		if told(waits) {
			t.Error("one of two has ended, and it was told")
		}
		r.Settled()
		if !told(waits) {
			t.Error("two of two have ended, and it was not told")
		}
		r.Settled() // nobody waits any more
	})
	t.Run("what has ended since it was counted is told at once", func(t *testing.T) {
		r := &Run{}
		before := r.heard.count()
		r.Settled()
		if !told(r.heard.from(before + 1)) {
			t.Error("it was not told")
		}
	})
	t.Run("a wait ends with the word, with its time, or with the run", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := &Run{m: &ledger.Migration{Name: "m"}}
			began := time.Now()
			go func() {
				<-time.After(time.Second)
				r.Settled()
			}()
			if err := r.wake(t.Context(), time.Hour, r.heard.from(1)); err != nil || time.Since(began) != time.Second {
				t.Errorf("%v after %s", err, time.Since(began))
			}
			if err := r.wake(t.Context(), time.Hour, r.heard.from(9)); err != nil || time.Since(began) != time.Hour+time.Second {
				t.Errorf("%v after %s", err, time.Since(began))
			}
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if err := r.wake(ctx, time.Hour, nil); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
		})
	})
}
