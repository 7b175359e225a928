package plan

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"rehome/pkg/checksum"
	"rehome/pkg/keyspace"
	"rehome/pkg/mapping"
)

// errSecret is how a count of owners ends whose order cannot be told without the database.
var errSecret = errors.New("the order of the users that rows name is the database's own")

// leastParts is how many parts of the roll are worth a session of their own.
const leastParts = 64

// tally adds the rows of each entry to the parts of the roll that their users are in.
func (p *planner) tally(ctx context.Context) error {
	for _, plan := range p.mapping.Plans {
		switch p.manner(plan) {
		case byRoll:
			p.plan.Rows[plan.Ordinal] = int64(p.roll.users)
			for i := range p.roll.weight {
				p.roll.weight[i] += int64(len(p.roll.hashes(i, i+1)))
			}
		case byOwner:
			if err := p.owned(ctx, plan); err != nil {
				return fmt.Errorf("count the rows of %s by their users: %w", plan.Source, err)
			}
		}
	}
	return nil
}

// owned adds the rows of one entry, in one scan of it, of which several sessions have a piece each.
func (p *planner) owned(ctx context.Context, plan *mapping.RowPlan) error {
	group, ctx := asking(ctx)
	parts := len(p.roll.ends)
	pieces := make([]*owners, max(1, min(sessions, parts/leastParts)))
	for i := range pieces {
		o := newOwners(p, i*parts/len(pieces), (i+1)*parts/len(pieces))
		pieces[i] = o
		group.Go(func() error { return p.src.Owners(ctx, p.mapping.Keys, plan, p.roll.within(o.first, o.limit), o.owner) })
	}
	err := group.Wait()
	if errors.Is(err, errSecret) {
		p.strangers[plan.Ordinal] = -1
		return nil
	}
	if err != nil {
		return err
	}
	for _, o := range pieces {
		p.strangers[plan.Ordinal] += o.strangers
		p.plan.Rows[plan.Ordinal] += o.rows
		for i, n := range o.own {
			p.roll.weight[o.first+i] += n
		}
	}
	return nil
}

// owners counts the rows of an entry by their users, as far as these, or what is none, lie in some parts of the roll.
type owners struct {
	roll         *roll
	first, limit int // parts
	own          []int64
	rows         int64 // in all
	strangers    int64 // of nobody

	line queue
	part int
	end  []byte // the last key of the part
	at   int    // in the part: who is before it is not named any more
}

func newOwners(p *planner, first, limit int) *owners {
	o := &owners{roll: &p.roll, first: first, limit: limit, own: make([]int64, limit-first), line: queue{kind: p.mapping.Keys.Kinds[0]}}
	o.turn(first)
	return o
}

// owner counts the rows that name a user.
func (o *owners) owner(user keyspace.Key, rows int64) error {
	o.rows += rows
	if user == nil {
		o.strangers += rows
		return nil
	}
	if !o.line.next(user) {
		return errSecret
	}
	for o.part < o.limit && compare(o.line.kind, o.line.last, o.end) > 0 {
		o.turn(o.part + 1)
	}
	if o.part == o.limit || !o.known(checksum.Key(o.line.last)) {
		o.strangers += rows
		return nil
	}
	o.own[o.part-o.first] += rows
	return nil
}

func (o *owners) turn(part int) {
	o.part, o.at = part, 0
	if part < o.limit {
		o.end = append(o.end[:0], o.roll.ends[part][0]...)
	}
}

// known reports whether the part has the user.
func (o *owners) known(hash int64) bool {
	at := slices.Index(o.roll.hashes(o.part, o.part+1)[o.at:], hash)
	if at < 0 {
		return false
	}
	o.at += at + 1
	return true
}
