package legacy

import (
	"context"
	"database/sql"

	"rehome/pkg/mapping"
	"rehome/pkg/shard"
)

// Counts is Count and LeftOut of all the plans, in one round trip where the slice is a range.
func (s *Snapshot) Counts(ctx context.Context, plans []*mapping.RowPlan, slice shard.Slice) ([]shard.Counted, error) {
	if slice.Only == nil && len(plans) > 0 {
		if out, err := s.together(ctx, plans, slice); err == nil {
			return out, nil
		} // else one after the other: an error then tells whose it is
	}
	out := make([]shard.Counted, len(plans))
	for i, p := range plans {
		var err error
		if out[i].Source, err = s.Count(ctx, p, slice); err != nil {
			return nil, err
		}
		if out[i].LeftOut, err = s.LeftOut(ctx, p, slice); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// together asks one statement for all counts. Each is a query of its own in it.
func (s *Snapshot) together(ctx context.Context, plans []*mapping.RowPlan, slice shard.Slice) ([]shard.Counted, error) {
	out := make([]shard.Counted, len(plans))
	var all several
	for i, p := range plans {
		q := s.question(p, slice)
		exprs, kinds := q.unit()
		part, err := within(exprs, kinds, slice.Range)
		if err != nil {
			return nil, err
		}
		all.add(q.count(part), &out[i].Source)
		if filtered(p, slice) {
			all.add(q.leftOut(part), &out[i].LeftOut)
		}
	}
	return out, all.ask(ctx, s.conn)
}

// several are queries of one number each, which are asked in one round trip.
type several struct {
	clause
	places []any
}

func (s *several) add(c clause, place *int64) {
	before := ", "
	if len(s.places) == 0 {
		before = "SELECT "
	}
	s.sql, s.args, s.places = s.sql+before+"("+c.sql+")", append(s.args, c.args...), append(s.places, place)
}

func (s *several) ask(ctx context.Context, conn *sql.Conn) error {
	return scan(ctx, conn, s.clause, s.places...)
}

// filtered reports whether a condition of the plan may leave out rows of the slice.
func filtered(p *mapping.RowPlan, slice shard.Slice) bool {
	return p.Filters() && (p.GatheredBy == nil || slice.Kind.ByUser())
}
