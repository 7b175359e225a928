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
	// Counts counts, for each of the entries, the rows of its row source that belong to the slice, whether or not `where` takes them, and
	// those among them that it leaves out, by statements of their own.
	Counts(ctx context.Context, entries []*mapping.RowPlan, s shard.Slice) ([]shard.Counted, error)
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
	// Seal is Finish and Keep at once; after an error Undo takes the part back.
	Seal(ctx context.Context) error
	// Send sends what the window's tuples hold so far by the COPY that Copy will end, while more are made. Between the two only Undo may be called.
	Send(ctx context.Context, w *shard.Window) error
	// Copy sends the window's rows by one binary COPY, or what is left of them after Send.
	Copy(ctx context.Context, w *shard.Window) error
	// ReadBack reads the window's rows as they are stored and passes each exactly once, without order, by its position in the window and
	// in binary tuple form, to yield, which must not keep it. Rows that cannot be found make it return having passed fewer.
	ReadBack(ctx context.Context, w *shard.Window, yield func(at int, tuple []byte) error) error
	// Existing returns the keys among those given that the table holds already.
	Existing(ctx context.Context, e *mapping.RowPlan, keys [][]byte) ([][]byte, error)
	// Finish makes deferred constraints and triggers act now.
	Finish(ctx context.Context) error
}

// A Holder knows whom the ledger holds.
type Holder interface {
	// Held returns which of the users the ledger holds already, by position, looking only at shards that share cells with the given one.
	Held(ctx context.Context, s *shard.Shard, users []keyspace.Key) (map[int]bool, error)
}

// A Book is the ledger inside the same transaction.
type Book interface {
	Holder
	// Blocks appends parts of the manifest.
	Blocks(ctx context.Context, blocks []shard.Block) error
	// Undo and Keep of the Target cover what was written here since Savepoint, as it is one transaction.

	// Originals keeps what rules that lose something, or conflicts, have replaced; its units are positions in units, or -1 for nobody's.
	Originals(ctx context.Context, units []keyspace.Key, originals []shard.Original) error
	// Close writes who arrived and what did not, and the receipt, and turns the shard to done; it must be the
	// transaction's last statement before COMMIT.
	Close(ctx context.Context, o shard.Outcome) error
}

// A RedoTarget is a Target that compares three versions of rows: what is staged, what the manifests say and what stands there. What it
// keeps for that lies in temporary tables of the session, however many rows there are, and ends with the savepoint. Where a method takes
// row and page, row must not use the transaction nor keep what it is given; page, after some of the rows and at the end, may use it.
type RedoTarget interface {
	Target
	// Clear makes room for a comparison of rows of the entries, and forgets an earlier one.
	Clear(ctx context.Context, entries []*mapping.RowPlan) error
	// Stage adds rows as the legacy database has them now.
	Stage(ctx context.Context, e *mapping.RowPlan, rows []shard.Staged) error
	// Unstage takes out what was staged for the units.
	Unstage(ctx context.Context, units []int32) error
	// Base adds rows of the manifest.
	Base(ctx context.Context, e *mapping.RowPlan, rows []shard.Arrived) error
	// Duplicates returns the units that have staged rows of the same key, of one entry or of several that feed one table.
	Duplicates(ctx context.Context) (map[int32]*mapping.RowPlan, error)
	// Strangers passes the unit and key of each staged row whose key the table holds already in a row that is not based.
	Strangers(ctx context.Context, e *mapping.RowPlan, row func(unit int32, key []byte) error, page func() error) error
	// Taken passes the unit of each staged row that has, in the columns of a unique constraint which is on, what a row of the table has that
	// is neither staged nor based, or a staged row of another unit, with the constraint's name and that row's key.
	Taken(ctx context.Context, e *mapping.RowPlan, row func(unit int32, constraint string, key []byte) error, page func() error) error
	// Compare locks the rows of the entry's table that are staged or based, and asks decide about each key once. Decide must not keep
	// what it is given nor use the transaction.
	Compare(ctx context.Context, e *mapping.RowPlan, decide func(*shard.Compared) shard.Decision) error
	// Strays passes the rows of the entry's table whose column at the position has one of the values (length word and bytes), and whose
	// key is neither staged nor based.
	Strays(ctx context.Context, e *mapping.RowPlan, column int, values [][]byte, row func(key, value []byte) error, page func() error) error
	// Remove deletes those rows of the entry's table that have one of the keys and are not referred to, and passes each.
	Remove(ctx context.Context, e *mapping.RowPlan, keys [][]byte, yield func(key, tuple []byte) error) error
	// Resolve makes rows wait whose needed row is not there, by the foreign keys that are on, and keeps rows that would have to go while
	// others refer to them: these become conflicts of kind referred.
	Resolve(ctx context.Context) error
	// Blocked returns those of the units that have a conflict which is not settled.
	Blocked(ctx context.Context, units []int32) ([]int32, error)
	// Spare keeps all that stands of the units.
	Spare(ctx context.Context, units []int32) error
	// Replaced passes each row that a settled conflict is about to overwrite or delete.
	Replaced(ctx context.Context, e *mapping.RowPlan, row func(*shard.Decided) error, page func() error) error
	// Write does all that was decided in one statement: constraints see its end.
	Write(ctx context.Context) error
	// Decided passes each key of the entry with the row as it stands now, in the order of units and of their legacy keys.
	Decided(ctx context.Context, e *mapping.RowPlan, row func(*shard.Decided) error, page func() error) error
	// Needed passes the keys by which others refer to the rows of the entry that Write has inserted, as in shard.Wait.NeedsKey.
	Needed(ctx context.Context, e *mapping.RowPlan, row func(key []byte) error, page func() error) error
}

// A RedoBook is a Book that knows what became of units before. Its methods look at units by their canonical keys; those of a redo of
// users are users, else the units of the shard's entry.
type RedoBook interface {
	Book
	// Accounts returns what has become of each unit, by position; without its Rows, which may be more than memory holds.
	Accounts(ctx context.Context, units []keyspace.Key) ([]shard.Account, error)
	// Standing passes the standing rows of the units in pages of one entry each, with the position of their unit; page may use the transaction.
	Standing(ctx context.Context, units []keyspace.Key, page func(entry int, rows []shard.Arrived) error) error
	// Known returns, by position, which of the target keys some manifest of the migration has as a standing row of one of the entries.
	Known(ctx context.Context, entries []int, keys [][]byte) (map[int]bool, error)
	// Waiters returns the rows that wait for rows of the table (schema.table) with one of the keys.
	Waiters(ctx context.Context, table string, keys [][]byte) ([]shard.Waiter, error)
	// Undo notes of all standing rows of the units that their manifests do not count any more. What stands after the redo, Block lists.
	Undo(ctx context.Context, units []keyspace.Key) error
}
