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
}
