package ledger

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"rehome/pkg/checksum"
	"rehome/pkg/shard"
)

// A Book is the ledger inside the one transaction in which a shard's rows arrive. It is for one goroutine. It ends with Commit or Rollback.
type Book struct {
	tx      pgx.Tx
	claim   Claim
	xid     uint64
	blocks  int
	read    []*rosterRow // who was read for the first time, once Close knows
	receipt *shard.Receipt

	list     *shard.List         // of a redo, once it was asked for
	dossiers map[string]*dossier // of a redo: what was asked for and is locked, by the unit's key
	cursors  int
}

// Begin opens the data's transaction, locks the shard's row in it and checks that the claim still holds; conn is the session that
// claimed, for in any other the reaper would not find the lock. The error is a shard.Stale failure if the claim does not hold any more.
func (l *Ledger) Begin(ctx context.Context, conn *pgx.Conn, claim Claim) (*Book, error) {
	b := &Book{claim: claim}
	if err := b.begin(ctx, conn); err != nil {
		return nil, errors.Join(err, b.Rollback(context.WithoutCancel(ctx)))
	}
	return b, nil
}

// A grip is the row of a shard as the data's transaction finds it.
type grip struct {
	state        shard.State
	attempt      int
	ours         bool
	mapping, xid string
}

func (b *Book) begin(ctx context.Context, conn *pgx.Conn) error {
	id := b.claim.Shard.ID
	scan := func(row pgx.CollectableRow) (g grip, err error) {
		err = row.Scan(&g.state, &g.attempt, &g.ours, &g.mapping, &g.xid)
		return g, err
	}
	// A long read leaves the transaction idle. Who is frozen is told by the heartbeat, and ended by whoever meets the lock.
	first := []string{`SET LOCAL idle_in_transaction_session_timeout = 0`}
	tx, g, err := beginWith(ctx, conn, first, scan, `
		SELECT state, attempt, coalesce(holder_pid = pg_backend_pid(), false), mapping_hash, pg_current_xact_id()::text
		  FROM rehome.shard
		 WHERE migration = $1 AND ordinal = $2 AND generation = $3
		   FOR UPDATE NOWAIT`, id.Migration, id.Ordinal, id.Generation)
	b.tx = tx
	switch {
	case sqlState(err) == lockNotAvailable:
		return shard.Failf(shard.Stale, "lock shard %s: somebody else works on it", id)
	case errors.Is(err, pgx.ErrNoRows):
		return shard.Failf(shard.Stale, "lock shard %s: it is not in the plan any more", id)
	case err != nil:
		return fmt.Errorf("lock shard %s: %w", id, err)
	case g.state != shard.Planned || g.attempt != b.claim.Token:
		return shard.Failf(shard.Stale, "lock shard %s under token %d: it is %s, and its token is %d", id, b.claim.Token, g.state, g.attempt)
	case !g.ours:
		return shard.Failf(shard.Stale, "lock shard %s under token %d: this session does not hold it", id, b.claim.Token)
	case g.mapping != b.claim.Mapping:
		return shard.Failf(shard.Stale, "lock shard %s under token %d: it has another mapping since it was claimed", id, b.claim.Token)
	}
	b.xid, err = strconv.ParseUint(g.xid, 10, 64)
	return err
}

// Tx returns the transaction, for the data's own statements. Only the Book ends it.
func (b *Book) Tx() pgx.Tx { return b.tx }

// Block appends a part of the manifest, at once, so that a savepoint that is rolled back takes it along.
func (b *Book) Block(ctx context.Context, block shard.Block) error {
	return b.Blocks(ctx, []shard.Block{block})
}

// Blocks is Block for each of the blocks, in one round trip.
func (b *Book) Blocks(ctx context.Context, blocks []shard.Block) error {
	if len(blocks) == 0 {
		return nil
	}
	id := b.claim.Shard.ID
	_, err := b.tx.Conn().PgConn().CopyFrom(ctx, newManifest(id, b.blocks, blocks), copyManifest)
	b.blocks += len(blocks)
	if err != nil {
		return fmt.Errorf("write the manifest of shard %s up to block %d: %w", id, b.blocks, err)
	}
	return nil
}

// notNil keeps an empty key from becoming NULL.
func notNil(key []byte) []byte {
	if key == nil {
		return []byte{}
	}
	return key
}

// digestAt returns the digest of the row at the position, from 1, of a block of the manifest.
func digestAt(digests []byte, position int32) (checksum.Sum, error) {
	end := int(position) * checksum.Size
	if position < 1 || end > len(digests) {
		return checksum.Sum{}, fmt.Errorf("read digest %d of a block of the manifest: it has %d", position, len(digests)/checksum.Size)
	}
	return checksum.FromBytes([checksum.Size]byte(digests[end-checksum.Size : end])), nil
}

// Receipt returns the receipt as Close has stored it, nil before.
func (b *Book) Receipt() *shard.Receipt { return b.receipt }

// Rollback gives everything up; after Commit or Rollback it does nothing.
func (b *Book) Rollback(ctx context.Context) error {
	if err := b.tx.Rollback(ctx); err != nil && !errors.Is(err, pgx.ErrTxClosed) {
		return fmt.Errorf("roll back shard %s: %w", b.claim.Shard.ID, err)
	}
	return nil
}

// Commit commits. Its error is a shard.Unknown failure unless the server itself has said that it rolled back: ask Settled then, on another
// connection, and never commit again. What pgx says about an error's being safe to retry is wrong for COMMIT.
func (b *Book) Commit(ctx context.Context) error {
	err := b.tx.Commit(ctx)
	if err == nil {
		return nil
	}
	err = fmt.Errorf("commit shard %s: %w", b.claim.Shard.ID, err)
	if refused(err) {
		return err
	}
	return shard.Fail(shard.Unknown, "", err)
}

// refused reports whether the server has answered COMMIT with a rollback. A FATAL answer is none: the backend may have been ended after it committed.
func refused(err error) bool {
	if errors.Is(err, pgx.ErrTxCommitRollback) {
		return true
	}
	pg := (*pgconn.PgError)(nil)
	return errors.As(err, &pg) && pg.Severity == "ERROR"
}
