package target

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"rehome/pkg/shard"
)

// Take deletes the rows of the given keys (as in shard.Arrived.TargetKey, of keyColumns) in the caller's transaction and passes each to
// yield, its key and the given columns in binary tuple form; yield must neither keep them nor use the transaction. Each key must find
// exactly one row, and no row may refer to it by a foreign key that cascades or sets NULL; otherwise it is a Defect, and the transaction
// has to be rolled back.
func Take(ctx context.Context, tx pgx.Tx, table string, columns, keyColumns []string, keys [][]byte,
	yield func(key, tuple []byte) error) error {
	s, err := readShape(ctx, tx, table, columns, keyColumns)
	if err != nil {
		return err
	}
	cascades, err := readCascades(ctx, tx, s.relation)
	if err != nil {
		return err
	}
	query := `DELETE FROM ` + s.quoted() + ` AS t USING ` + s.unnested() + ` WHERE ` + s.meets("k.k") +
		` RETURNING ` + strings.Join(append(prefixed("t", keyColumns), prefixed("t", columns)...), ", ")
	what := "take rows out of " + table
	for len(keys) > 0 {
		some := keys[:min(batch, len(keys))]
		keys = keys[len(some):]
		params, types, err := s.arrays(some)
		if err != nil {
			return err
		}
		for _, c := range cascades {
			if err := c.refuse(ctx, tx, s, params, types); err != nil {
				return err
			}
		}
		var key, tuple []byte
		taken := 0
		err = stream(ctx, tx.Conn().PgConn(), query, params, types, what, table, func(values [][]byte) error {
			taken++
			key = appendFields(key[:0], values[:len(keyColumns)])
			tuple = appendTuple(tuple[:0], values[len(keyColumns):])
			return yield(key, tuple)
		})
		if err != nil {
			return err
		}
		if taken != len(some) {
			return shard.Fail(shard.Defect, "", fmt.Errorf("%s: %d rows for %d keys; something else has written there", what, taken, len(some)))
		}
	}
	return nil
}
