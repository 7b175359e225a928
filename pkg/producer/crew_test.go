package producer

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestCrew(t *testing.T) {
	t.Run("where one fails no other is begun, and those that were are let end", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := newCrew(2)
			broken, ended, begun := errors.New("broken"), false, 0
			later := func(context.Context) error { begun++; return nil }
			err := c.do(t.Context(), []task{
				func(ctx context.Context) error {
					<-time.After(time.Minute)
					ended = ctx.Err() == nil
					return nil
				},
				func(context.Context) error {
					<-time.After(time.Second)
					return broken
				}, later, later,
			})
			if !errors.Is(err, broken) || !ended || begun > 0 {
				t.Errorf("%v; the one that was at work has ended: %t; begun since: %d", err, ended, begun)
			}
		})
	})
	t.Run("what is given later begins when somebody is free, and fails by itself", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c, start, broken := newCrew(2), time.Now(), errors.New("broken")
			after := func(d time.Duration) task {
				return func(context.Context) error { <-time.After(d); return nil }
			}
			wait := c.begin(t.Context(), []task{after(time.Second), after(time.Minute)})
			var began time.Duration
			err := c.do(t.Context(), []task{func(context.Context) error { began = time.Since(start); return broken }})
			if began != time.Second || !errors.Is(err, broken) {
				t.Errorf("it began after %s; %v", began, err)
			}
			if err := wait(); err != nil || time.Since(start) != time.Minute {
				t.Errorf("the others have ended after %s: %v", time.Since(start), err)
			}
		})
	})
}
