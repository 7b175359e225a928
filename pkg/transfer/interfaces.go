package transfer

import (
	"context"

	"rehome/pkg/keyspace"
	"rehome/pkg/mapping"
	"rehome/pkg/shard"
)

// A Source reads one shard from one consistent snapshot of the legacy database. Its errors carry a shard.Failure.
type Source interface {
	// Position returns where the legacy binlog stood at the snapshot, empty without one.
	Position() string
	// Units returns the keys of the slice's units in the legacy database's own order.
	Units(ctx context.Context, s shard.Slice) ([]keyspace.Key, error)
	// Count counts the rows of the entry's row source that belong to the slice, whether or not `where` takes them, by a
	// statement of its own.
	Count(ctx context.Context, e *mapping.RowPlan, s shard.Slice) (int64, error)
	// LeftOut counts those among them that the entry's `where` leaves out.
	LeftOut(ctx context.Context, e *mapping.RowPlan, s shard.Slice) (int64, error)
	// Rows streams the entry's rows of the slice to yield, each as the unit's key, the row source's primary key and
	// the entry's Select; the cells are valid until yield returns. A warning that the server raised while it read is a Data failure.
	Rows(ctx context.Context, e *mapping.RowPlan, s shard.Slice, yield func(shard.Row) error) error
}

// A Target is the one transaction of the system, as far as the data is concerned. Its errors carry a shard.Failure.
type Target interface {
	// Savepoint starts a part that can be undone; Undo takes back all since the newest savepoint and ends it, Keep ends it.
	Savepoint(ctx context.Context) error
	Undo(ctx context.Context) error
	Keep(ctx context.Context) error
	// Copy sends the window's rows by one binary COPY.
	Copy(ctx context.Context, w *shard.Window) error
	// ReadBack reads the window's rows as they are stored and passes each in binary tuple form, without order, exactly once, to
	// yield, which must not keep it. Rows that cannot be found make it return having passed fewer.
	ReadBack(ctx context.Context, w *shard.Window, yield func(tuple []byte) error) error
	// Existing returns the keys among those given that the table holds already.
	Existing(ctx context.Context, e *mapping.RowPlan, keys [][]byte) ([][]byte, error)
	// Finish makes deferred constraints and triggers act now.
	Finish(ctx context.Context) error
}

// A Book is the ledger inside the same transaction.
type Book interface {
	// Held returns which of the users the ledger holds already, by position, looking only at shards that share cells with the given one.
	Held(ctx context.Context, s *shard.Shard, users []keyspace.Key) (map[int]bool, error)
	// Block appends a part of the manifest.
	Block(ctx context.Context, b shard.Block) error
	// Undo and Keep of the Target cover what was written here since Savepoint, as it is one transaction.

	// Close writes who arrived and what did not, and the receipt, and turns the shard to done; it must be the
	// transaction's last statement before COMMIT.
	Close(ctx context.Context, o shard.Outcome) error
}
