package legacy

import (
	"context"

	"rehome/pkg/keyspace"
	"rehome/pkg/mapping"
	"rehome/pkg/shard"
)

// KeysIn returns the keys of the users in the range, in the legacy database's order and from one snapshot.
func (db *DB) KeysIn(ctx context.Context, users mapping.Keyspace, r keyspace.Range) ([]keyspace.Key, error) {
	s, err := db.Snapshot(ctx, Reading{Users: users})
	if err != nil {
		return nil, err
	}
	defer func() { _ = s.Close() }() // nothing was written: what was read counts
	return s.Units(ctx, shard.Slice{Kind: shard.OfUsers, Range: r})
}

// Ping reports whether the database can be reached.
func (db *DB) Ping(ctx context.Context) error {
	if err := db.pool.PingContext(ctx); err != nil {
		return failed(err, "reach the legacy database at %s", db.address)
	}
	return nil
}
