package target

import (
	"context"
	"fmt"
	"strings"

	"rehome/pkg/mapping"
	"rehome/pkg/shard"
)

// Stored passes the rows of the entry's table that have one of the keys, as in shard.Arrived.TargetKey, to yield, in no order: each both
// in binary form and as the server prints it. What is passed is valid until yield returns, which must not use the connection.
func (t *Tx) Stored(ctx context.Context, e *mapping.RowPlan, keys [][]byte, yield func(*shard.Stored) error) error {
	s, err := t.shape(ctx, e)
	if err != nil {
		return err
	}
	query := `SELECT r.* FROM ` + s.unnested() + ` CROSS JOIN LATERAL (SELECT ` + s.list() + `, ` + s.list() +
		` FROM ` + s.quoted() + ` AS t WHERE ` + s.meets("k.k") + ` OFFSET 0) AS r`
	for len(keys) > 0 {
		some := keys[:min(batch, len(keys))]
		keys = keys[len(some):]
		params, types, err := s.arrays(some)
		if err != nil {
			return err
		}
		if err := t.twice(ctx, s, query, params, types, yield); err != nil {
			return err
		}
	}
	return nil
}

// twice runs a query that selects the shape's columns two times, reads them in binary form and then as text.
func (t *Tx) twice(ctx context.Context, s *shape, query string, params [][]byte, types []uint32, yield func(*shard.Stored) error) error {
	n := len(s.columns)
	formats := make([]int16, 2*n)
	for i := range n {
		formats[i] = 1
	}
	result := t.conn.PgConn().ExecParams(ctx, query, params, types, []int16{1}, formats)
	var row shard.Stored
	for result.NextRow() {
		values := result.Values()
		row.Key = row.Key[:0]
		for _, at := range s.at {
			row.Key = appendField(row.Key, values[at])
		}
		row.Tuple, row.Texts = appendTuple(row.Tuple[:0], values[:n]), values[n:]
		if err := yield(&row); err != nil {
			_, _ = result.Close() // the reason to end is yield's
			return err
		}
	}
	_, err := result.Close()
	return classify(err, "read "+s.full()+" once more", s.full())
}

// Added passes the rows of the entry's table whose keys are not in the column target_key of the table that in names, as a statement
// of this connection knows it. The server compares the two sets, in memory that its work_mem bounds.
func (t *Tx) Added(ctx context.Context, e *mapping.RowPlan, in string, yield func(*shard.Stored) error) error {
	s, err := t.shape(ctx, e)
	if err != nil {
		return err
	}
	key, err := t.spelled(ctx, s)
	if err != nil {
		return err
	}
	query := `SELECT ` + s.list() + `, ` + s.list() + ` FROM ` + s.quoted() + ` AS t WHERE NOT EXISTS (SELECT FROM ` + in +
		` AS m WHERE m.target_key = ` + key + `)`
	return t.twice(ctx, s, query, nil, nil, yield)
}

// spelled returns the expression that spells the key of row t as shard.Arrived.TargetKey has it.
func (t *Tx) spelled(ctx context.Context, s *shape) (string, error) {
	const query = `
		SELECT format('%I.%I', n.nspname, p.proname)
		FROM pg_type AS y JOIN pg_proc AS p ON p.oid = y.typsend JOIN pg_namespace AS n ON n.oid = p.pronamespace
		WHERE y.oid = $1`
	parts := make([]string, len(s.keys))
	for i, k := range s.keys {
		var send string
		if err := t.conn.QueryRow(ctx, query, k.Type).Scan(&send); err != nil {
			return "", classify(err, "look up how keys of "+s.full()+" are sent", s.full())
		}
		bytes := send + "(t." + quote(k.Name) + ")"
		parts[i] = fmt.Sprintf(`coalesce(int4send(octet_length(%[1]s)) || %[1]s, '\xffffffff'::bytea)`, bytes)
	}
	return strings.Join(parts, " || "), nil
}
