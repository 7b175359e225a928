package transfer

import (
	"context"
	"errors"
	"strings"
	"testing"

	"rehome/pkg/mapping"
	"rehome/pkg/shard"
)

// A torn target fails at its first statement, and can take nothing back after that.
type torn struct {
	RedoTarget
	failure error
}

func (torn) Savepoint(context.Context) error { return nil }

func (t torn) Clear(context.Context, []*mapping.RowPlan) error { return t.failure }

func (torn) Undo(context.Context) error {
	return shard.Fail(shard.Outage, "", errors.New("undo a part of the transaction: conn closed"))
}

func TestARedoThatCannotBeUndone(t *testing.T) {
	ended := shard.Fail(shard.Outage, "", errors.New("an administrator has ended the session"))
	refused := shard.Fail(shard.Data, "check:app.users.x", errors.New("the target refuses a row"))
	for name, try := range map[string]func(*redo) error{
		"a part": func(r *redo) error { return r.try(t.Context(), 0, 0) },
		"the guests of a part": func(r *redo) error {
			_, err := (&redoPart{redo: r, done: newDone(r.mapping)}).bring(t.Context(), nil)
			return err
		},
	} {
		for _, tt := range []struct {
			name    string
			failure error
			says    string
		}{
			{"why a connection was lost is told", ended, "an administrator has ended the session"},
			{"what the data was refused for does not count any more", refused, "conn closed"},
		} {
			t.Run("of "+name+": "+tt.name, func(t *testing.T) {
				r := &redo{mapping: compile(t), tgt: torn{failure: tt.failure}}
				err := try(r)
				if kind, _ := shard.KindOf(err); err == nil || kind != shard.Outage || !strings.Contains(err.Error(), tt.says) {
					t.Errorf("got %v", err)
				}
			})
		}
	}
}
