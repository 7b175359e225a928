package producer

import (
	"slices"
	"testing"

	"rehome/pkg/target"
)

func TestTheLastIndexOfATable(t *testing.T) {
	a := &attachment{parts: []target.Part{{Table: "app.a"}, {Table: "app.b"}, {Table: "app.a"}, {Table: "app.a"}}, building: map[string]int{"app.a": 3, "app.b": 1}}
	for _, step := range []struct {
		part     int
		more     bool
		last     bool
		complete []int
	}{{0, true, false, nil}, {3, false, false, nil}, {1, true, true, []int{1}}, {2, true, true, []int{0, 2}}} {
		if got, last := a.last(step.part, step.more); !slices.Equal(got, step.complete) || last != step.last {
			t.Errorf("behind part %d: %v is completed, the last: %t; want %v, %t", step.part, got, last, step.complete, step.last)
		}
	}
}
