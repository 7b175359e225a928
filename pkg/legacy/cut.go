package legacy

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"rehome/pkg/keyspace"
	"rehome/pkg/mapping"
	"rehome/pkg/shard"
	"rehome/pkg/value"
)

// Cut returns the key of the slice's nth unit in the legacy database's own order, counting from 1: the slice up to and including it has
// n units, or more where several rows share that key. It is nil where the slice has fewer.
func (s *Snapshot) Cut(ctx context.Context, slice shard.Slice, n int) (keyspace.Key, error) {
	q := s.question(slice.Entry, slice)
	exprs, kinds := q.unit()
	part, err := within(exprs, kinds, slice.Range)
	if err != nil {
		return nil, shard.Fail(shard.Defect, "", fmt.Errorf("cut %s: %w", q, err))
	}
	c := q.units(part)
	c.sql += fmt.Sprintf(" LIMIT %d, 1", n-1)
	var cut keyspace.Key
	err = stream(ctx, s.conn, c, func(cells []value.Cell) (err error) {
		if cut, err = key(cells[:len(exprs)], kinds); err != nil {
			err = shard.Fail(shard.Data, "", err)
		}
		return err
	})
	if err != nil {
		return nil, s.failed(err, "cut %s", q)
	}
	return cut, nil
}

// CountUnits counts the slice's units.
func (s *Snapshot) CountUnits(ctx context.Context, slice shard.Slice) (int64, error) {
	q := s.question(slice.Entry, slice)
	n, err := s.sum(ctx, q, slice, func(part clause) clause {
		c := q.units(part)
		if q.kind.ByUser() {
			c = q.keys(part)
		}
		c.sql = "SELECT COUNT(*) FROM (" + c.sql + ") AS rehome_n"
		return c
	})
	if err != nil {
		return 0, s.failed(err, "count the units of %s", q)
	}
	return n, nil
}

// Extremes returns the lowest and the highest value of each of the expressions over all rows that the plan takes, whoever they belong to;
// NULL where there is none.
func (s *Snapshot) Extremes(ctx context.Context, p *mapping.RowPlan, exprs []string) (low, high []value.Cell, err error) {
	var fields []string
	for _, e := range exprs {
		fields = append(fields, "MIN("+e+"), MAX("+e+")")
	}
	c := where(condition(p.Where))
	c.sql = "SELECT " + strings.Join(fields, ", ") + " FROM " + p.From + c.sql
	err = stream(ctx, s.conn, c, func(cells []value.Cell) error {
		for i := 0; i < len(cells); i += 2 {
			low, high = append(low, slices.Clone(cells[i])), append(high, slices.Clone(cells[i+1]))
		}
		return nil
	})
	if err != nil {
		return nil, nil, s.failed(err, "look for the extremes of %s", p.Source)
	}
	return low, high, nil
}
