package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"rehome/pkg/checksum"
	"rehome/pkg/shard"
)

// An Answer is what the ledger says to one who wants to work on a shard.
type Answer int

// The answers to a claim, and what the claimer has to do.
const (
	Claimed Answer = iota + 1 // work on it, under Claim.Token
	Busy                      // somebody works on it: give the message back with a delay, and call Reap
	Done                      // publish Claim.Receipt, ack
	Dead                      // publish Claim.Letter, ack
	Split                     // its children have messages of their own: ack
	Stale                     // another run's or another generation's message: ack
	Unknown                   // no such shard was ever planned in this run: ack, and say so
	Paused                    // give the message back with a delay; Claim.Reason says why
	Late                      // it would not end before the deadline: give the message back with a delay
	Full                      // as many shards are in work as the limit allows: give the message back with a delay
)

// String returns the answer as it stands in logs.
func (a Answer) String() string {
	return [...]string{"none", "claimed", "busy", "done", "dead", "split", "stale", "unknown", "paused", "late", "full"}[a]
}

// A Claim is an answer with what belongs to it.
type Claim struct {
	Answer  Answer
	Shard   shard.Shard       // with its bounds; for all but Busy, Stale and Unknown
	Token   int               // for Claimed: the attempt's number, which fences all earlier ones off
	Failed  int               // attempts that failed by the data's fault
	Mapping string            // hash of the mapping to work by, whatever the task says: another may have been accepted since
	Schema  string            // fingerprint of both schemas as far as that mapping uses them
	Receipt *shard.Receipt    // for Done (a discarded shard is Done, too) and Dead
	Letter  *shard.DeadLetter // for Dead
	Reason  string            // for Paused
	Before  string            // for Claimed: W3C trace context of the attempt before, empty where there was none, or none was traced
	Gone    *Gone             // for Claimed: the attempt before, where its holder has gone without a word
	TraceID string            // for Begin: of the attempt's trace, kept with the shard; the claimer sets it
}

// A Gone attempt is one whose holder has neither ended it nor been heard of for some time.
type Gone struct {
	Host string        // empty where that is not known any more
	Ago  time.Duration // since it claimed the shard
}

// goneAfter is how old the last beat is of a holder that is gone, or frozen: two of its beats did not come.
const goneAfter = 7 * time.Second

// A Claimant is who asks for a shard.
type Claimant struct {
	Holder      uuid.UUID     // this incarnation of the process, which must have called Beat before
	PerRow      time.Duration // what a row of a shard's weight takes it; 0 where it has no idea. It tells whether the shard would end before the deadline
	Part        int64         // rows of the largest part that it would move at once of users or of an own key, as it splits what is heavier; 0 is any
	Traceparent string        // W3C trace context of the attempt that begins; it stands with the shard from then on. Empty where nothing is traced
}

type claimRow struct {
	record
	halted, paused *string
	schema         string
	left           *time.Duration // until the deadline; nil without one
	slots          int            // the limit; 0 is none
	before         string
	lost           *time.Duration
	host           string
}

// Ahead is how long before a deadline shards that are still in work begin to be rolled back, so that one has to end before that.
const Ahead = 2 * time.Second

// Margin is how many times as long as the shards before it one may take, for whoever asks whether it would end before a deadline.
const Margin = 1.15

// Claim asks for a shard in a short transaction on conn, which must be the session that Begin then uses: the ledger notes its
// backend as the holder's.
func (l *Ledger) Claim(ctx context.Context, conn *pgx.Conn, id shard.ID, by Claimant) (Claim, error) {
	claim, err := claim(ctx, conn, id, by)
	if err != nil {
		return Claim{}, fmt.Errorf("claim shard %s: %w", id, err)
	}
	return claim, nil
}

func claim(ctx context.Context, conn *pgx.Conn, id shard.ID, by Claimant) (claim Claim, err error) {
	tx, row, err := lockShard(ctx, conn, id)
	switch {
	case sqlState(err) == lockNotAvailable:
		return Claim{Answer: Busy}, tx.Rollback(ctx)
	case errors.Is(err, pgx.ErrNoRows):
		if claim.Answer, err = strange(ctx, tx, id); err != nil {
			return claim, errors.Join(err, tx.Rollback(ctx))
		}
		return claim, tx.Rollback(ctx)
	case err != nil:
		return claim, errors.Join(err, tx.Rollback(context.WithoutCancel(ctx)))
	}
	claim = row.answer(id, by)
	if claim.Answer == Claimed && row.slots > 0 {
		err = row.fit(ctx, tx, &claim)
	}
	if claim.Answer != Claimed || err != nil {
		return claim, errors.Join(err, tx.Rollback(context.WithoutCancel(ctx)))
	}
	claim.Before = row.before
	if row.lost != nil {
		claim.Gone = &Gone{Host: row.host, Ago: *row.lost}
	}
	claim.Token, err = hold(ctx, tx, id, by)
	return claim, err
}

// lockShard begins a transaction with the lock on the shard's row.
func lockShard(ctx context.Context, conn *pgx.Conn, id shard.ID) (pgx.Tx, claimRow, error) {
	scan := func(row pgx.CollectableRow) (r claimRow, err error) {
		r.record, err = scanRecord(withLast{row, []any{&r.halted, &r.paused, &r.schema, &r.left, &r.slots, &r.before, &r.lost, &r.host}})
		return r, err
	}
	return beginWith(ctx, conn, nil, scan, `
		SELECT `+shardColumns+`, m.paused, c.paused, `+schemaColumn+`, c.deadline - clock_timestamp(), coalesce((c.limits->>'slots')::int, 0),
		       coalesce(s.traceparent, ''), CASE WHEN s.holder IS NOT NULL AND
		           coalesce(w.beat, '-infinity') NOT BETWEEN clock_timestamp() - $4::interval AND clock_timestamp() + $4::interval
		       THEN clock_timestamp() - s.claimed_at END, coalesce(w.host, '')
		  FROM rehome.shard s JOIN rehome.migration m ON m.name = s.migration LEFT JOIN rehome.control c ON c.migration = s.migration
		  LEFT JOIN rehome.worker w ON w.holder = s.holder
		 WHERE s.migration = $1 AND s.ordinal = $2 AND s.generation = $3
		   FOR UPDATE OF s NOWAIT`, id.Migration, id.Ordinal, id.Generation, goneAfter)
}

// schemaColumn is the fingerprint that the mapping of the shard s was accepted with, m being its migration.
const schemaColumn = `coalesce((SELECT a.fingerprint FROM rehome.accepted a
	WHERE a.migration = s.migration AND a.hash = s.mapping_hash ORDER BY a.number DESC LIMIT 1), m.fingerprint)`

// withLast scans more columns than it is asked for.
type withLast struct {
	pgx.CollectableRow
	last []any
}

// Scan reads the row into dest, and its last columns into last.
func (w withLast) Scan(dest ...any) error { return w.CollectableRow.Scan(append(dest, w.last...)...) }

// answer judges a shard whose row is locked.
func (r *claimRow) answer(id shard.ID, by Claimant) Claim {
	claim := Claim{Shard: r.Shard, Failed: r.failures, Mapping: r.mapping, Schema: r.schema}
	switch {
	case r.Run != id.Run:
		return Claim{Answer: Stale}
	case r.State == shard.Done || r.State == shard.Discarded:
		claim.Answer, claim.Receipt = Done, r.receipt
	case r.State == shard.Dead:
		claim.Answer, claim.Receipt, claim.Letter = Dead, r.receipt, r.letter()
	case r.State == shard.Split:
		claim.Answer = Split
	case r.halted != nil:
		claim.Answer, claim.Reason = Paused, *r.halted
	case r.paused != nil:
		claim.Answer, claim.Reason = Paused, *r.paused
	case r.left != nil && *r.left-Ahead <= time.Duration(r.atOnce(by))*by.PerRow:
		claim.Answer = Late
	default:
		claim.Answer = Claimed
	}
	return claim
}

// atOnce returns how many rows of the shard the claimant would move at once. A user who is alone is not split.
func (r *claimRow) atOnce(by Claimant) int64 {
	if by.Part > 0 && r.Kind.Divisible() && (r.Kind != shard.OfUsers || r.Users != 1) {
		return min(r.Weight, by.Part)
	}
	return r.Weight
}

// fit makes the claim Full where as many shards are in work as the limit allows. Claims of one migration that are limited so come one after the other.
func (r *claimRow) fit(ctx context.Context, tx pgx.Tx, claim *Claim) error {
	if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, slotsKey(r.Migration)); err != nil {
		return err
	}
	var busy int
	err := tx.QueryRow(ctx, `SELECT count(*) `+inWork+` AND s.migration = $1 AND s.ordinal <> $3`, r.Migration, DefaultFrozen, r.Ordinal).Scan(&busy)
	if err == nil && busy >= r.slots {
		claim.Answer = Full
	}
	return err
}

// slotsKey is what claims lock that have to count the shards in work.
func slotsKey(name string) int64 { return checksum.Key([]byte("rehome slots of " + name)) }

// strange tells a message of another run or generation from one of a shard that never was.
func strange(ctx context.Context, tx pgx.Tx, id shard.ID) (Answer, error) {
	var run *string
	var generations int
	err := tx.QueryRow(ctx, `
		SELECT (SELECT run FROM rehome.migration WHERE name = $1),
		       (SELECT count(*) FROM rehome.shard WHERE migration = $1 AND ordinal = $2)`, id.Migration, id.Ordinal).Scan(&run, &generations)
	switch {
	case err != nil:
		return 0, err
	case run == nil || *run != id.Run || generations > 0:
		return Stale, nil
	}
	return Unknown, nil
}

// hold makes the holder the shard's and commits the claim.
func hold(ctx context.Context, tx pgx.Tx, id shard.ID, by Claimant) (token int, err error) {
	err = commitWith(ctx, tx, func(row pgx.Row) error { return row.Scan(&token) }, `
		UPDATE rehome.shard
		   SET attempt = attempt + 1, holder = $4, claimed_at = clock_timestamp(), holder_pid = pg_backend_pid(),
		       holder_started = (SELECT backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()),
		       traceparent = coalesce(nullif($5, ''), traceparent), trace_id = coalesce(nullif(split_part($5, '-', 2), ''), trace_id)
		 WHERE migration = $1 AND ordinal = $2 AND generation = $3
		RETURNING attempt`, id.Migration, id.Ordinal, id.Generation, by.Holder, by.Traceparent)
	return token, err
}
