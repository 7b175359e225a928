package target

import (
	"context"
	"encoding/binary"

	"rehome/pkg/mapping"
)

// Existing returns the keys, as in shard.Arrived.TargetKey, among those given that the entry's table holds already, in their order.
func (t *Tx) Existing(ctx context.Context, e *mapping.RowPlan, keys [][]byte) ([][]byte, error) {
	s, err := t.shape(ctx, e)
	if err != nil {
		return nil, err
	}
	query := `SELECT k.ord FROM ` + s.unnested() + ` CROSS JOIN LATERAL (SELECT FROM ` + s.quoted() +
		` AS t WHERE ` + s.meets("k.k") + ` LIMIT 1) AS r ORDER BY k.ord`
	var found [][]byte
	for len(keys) > 0 {
		some := keys[:min(batch, len(keys))]
		keys = keys[len(some):]
		params, types, err := s.arrays(some)
		if err != nil {
			return nil, err
		}
		err = stream(ctx, t.conn.PgConn(), query, params, types, "look up keys of "+s.full(), s.full(), func(values [][]byte) error {
			found = append(found, some[binary.BigEndian.Uint64(values[0])-1])
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}
