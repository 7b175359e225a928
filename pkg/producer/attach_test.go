package producer

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"rehome/pkg/target"
)

func TestTheLastIndexOfATable(t *testing.T) {
	a := &attachment{parts: []target.Part{{Table: "app.a"}, {Table: "app.b"}, {Table: "app.a"}, {Table: "app.a"}}, building: map[string]int{"app.a": 3, "app.b": 1}}
	for _, step := range []struct {
		part     int
		more     bool
		complete []int
	}{{0, true, nil}, {3, false, nil}, {1, true, []int{1}}, {2, true, []int{0, 2}}} {
		if got := a.last(step.part, step.more); !slices.Equal(got, step.complete) {
			t.Errorf("behind part %d: %v is completed, want %v", step.part, got, step.complete)
		}
	}
}

func TestSeveralAtOnce(t *testing.T) {
	t.Run("where one fails no other is begun, and those that were are let end", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			a := &attachment{sessions: 2}
			broken, ended, begun := errors.New("broken"), false, 0
			later := func(context.Context) error { begun++; return nil }
			err := a.together(t.Context(), []task{
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
