package worker

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/jackc/pgx/v5"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/sync/errgroup"

	"rehome/pkg/ledger"
	"rehome/pkg/legacy"
	"rehome/pkg/pausepoint"
	"rehome/pkg/queue"
	"rehome/pkg/shard"
	"rehome/pkg/target"
	"rehome/pkg/telemetry"
	"rehome/pkg/transfer"
)

// A slot works on one shard at a time, over one session of the target.
type slot struct {
	*Worker
	conn   *pgx.Conn     // nil until needed, and after it has failed
	shapes target.Shapes // of conn
	memory transfer.Memory
	window window
	phase  phase     // what it is at; the controls have it
	read   string    // where the legacy binlog stood at the last snapshot
	course *course   // of the last attempt; nil before a task's shard is claimed
	since  time.Time // when the last one was claimed
}

func (s *slot) drop() {
	if s.conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = s.conn.Close(ctx) // it is of no use any more, whatever it says
	s.conn = nil
}

// serve takes tasks, while the controls allow it, until ctx is done.
func (s *slot) serve(ctx context.Context, tasks *queue.Tasks) error {
	for {
		open, err := s.controls.admit(ctx, s)
		if err != nil {
			return nil //nolint:nilerr // it was told to stop
		}
		lease, err := tasks.Next(open)
		switch {
		case err == nil && open.Err() != nil:
			s.giveBack(ctx, lease)
		case err == nil:
			if err := s.task(s.controls.working(), lease); err != nil {
				return err
			}
		case open.Err() == nil:
			return err
		}
		s.controls.becomes(s, idle)
	}
}

// giveBack returns a task that came when none was to be taken any more.
func (s *slot) giveBack(ctx context.Context, lease *queue.Lease) {
	if err := lease.Return(ctx, 0); err != nil {
		s.Log.WarnContext(ctx, "a task was not given back, it will come again", "migration", s.Migration, "err", err)
	}
}

// task works on one task while its lease is kept, and logs how it ended. The error is one that no other task would be spared.
func (s *slot) task(ctx context.Context, lease *queue.Lease) error {
	task, outside := lease.Task(), ctx
	ctx, span := lease.Process(ctx)
	defer span.End()
	pausepoint.At("task_taken")
	kept, release := context.WithCancel(ctx)
	var keeping errgroup.Group
	keeping.Go(func() error { lease.Keep(kept); return nil })
	start := time.Now()
	e := s.shard(ctx, task)
	if e.ack && s.Settled != nil {
		s.Settled()
	}
	release()
	_ = keeping.Wait()
	s.mourn(outside, lease, span, &e.claim)
	log := s.Log.With("migration", task.Migration, "run", task.Run, "shard", task.Ordinal, "wave", e.claim.Shard.Wave,
		"attempt", e.claim.Token, "ms", time.Since(start).Milliseconds())
	took := time.Since(start)
	answer := s.answer(ctx, lease, &e)
	s.ended(ctx, &e, took, answer)
	s.over(ctx, span, &e)
	switch {
	case e.err != nil:
		log.WarnContext(ctx, "shard "+e.what, "err", e.err)
	case e.what != "" && !s.Quiet:
		log.InfoContext(ctx, "shard "+e.what, "users", e.receipt.Users.Read, "rows", e.rows())
	}
	switch {
	case e.final:
		return e.err
	case queue.Denied(answer):
		return answer
	case answer != nil:
		log.WarnContext(ctx, "the answer to a task was lost, it will come again", "err", answer)
	}
	return nil
}

// An ending is how the work on a task ended.
type ending struct {
	claim   ledger.Claim
	what    string // for the log: done, already done, busy …
	receipt shard.Receipt
	letter  *shard.DeadLetter
	ack     bool          // the ledger says that the task is of no use any more
	delay   time.Duration // else: when it is to come again
	err     error
	final   bool // of err: the worker can do nothing for any shard
}

func (e *ending) rows() (n int64) {
	for _, t := range e.receipt.Tables {
		n += t.Written
	}
	return n
}

// answer publishes what the ledger holds and then acks, or gives the task back. What is lost here the next delivery repeats.
func (s *slot) answer(ctx context.Context, lease *queue.Lease, e *ending) error {
	defer s.meters.phase(ctx, shard.Answering, time.Now())
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
	defer cancel()
	ctx, span := inPhase(ctx, shard.Answering)
	defer span.End()
	if !e.ack {
		return lease.Return(ctx, e.delay)
	}
	var published error
	moved := e.claim.Shard.Kind != shard.Audit // an audit brings nothing that others would count or publish again
	if e.letter != nil && moved {
		published = s.Queue.PublishDead(ctx, *e.letter)
	}
	if e.receipt.Migration != "" && moved {
		published = errors.Join(published, s.Queue.PublishReceipt(ctx, e.receipt))
	}
	if published != nil {
		return published
	}
	pausepoint.At("receipt_published")
	return lease.Ack(ctx)
}

// shard claims the task's shard and moves it.
func (s *slot) shard(ctx context.Context, task shard.Task) ending {
	s.course = nil
	if back := setBackOf(ctx); back != nil {
		return ending{what: "given back: " + back.why, delay: retryDelay}
	}
	if s.conn == nil || s.conn.IsClosed() {
		conn, err := s.Connect(ctx)
		if err != nil {
			return ending{what: "not tried", delay: outageDelay, err: err}
		}
		s.conn, s.shapes = conn, target.Shapes{}
	}
	claim, err := s.claim(ctx, task)
	if err != nil {
		return s.unclaimed(ctx, task, err)
	}
	if claim.Answer != ledger.Claimed {
		return s.refused(ctx, task, claim)
	}
	s.controls.becomes(s, busy)
	defer s.controls.becomes(s, idle)
	begun(ctx, &claim)
	pausepoint.At("claimed")
	task.Mapping, task.Schema = claim.Mapping, claim.Schema // the migration may go by another since the task was published
	mapped, err := s.mapping(ctx, task)
	if err != nil {
		return s.unmapped(ctx, claim, s.lacking(ctx, err, nil))
	}
	if e := s.shorten(ctx, claim, mapped); e != nil {
		return *e
	}
	return s.claimed(ctx, claim, mapped)
}

// claim asks for the task's shard. A claim that nobody waits for any more would hold the shard all the same, so that only time ends it.
func (s *slot) claim(ctx context.Context, task shard.Task) (ledger.Claim, error) {
	defer s.meters.phase(ctx, shard.Claiming, time.Now())
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
	defer cancel()
	by := ledger.Claimant{Holder: s.holder, PerRow: s.perRow(), Part: s.part(), Traceparent: traceparent(ctx)}
	_, span := inPhase(ctx, shard.Claiming)
	claim, err := s.Ledger.Claim(ctx, s.conn, task.ID, by)
	concluded(span, err)
	s.since = time.Now()
	return claim, err
}

// unmapped ends a task whose mapping does not fit the databases: nothing of the migration can go on until a person has looked.
func (s *slot) unmapped(ctx context.Context, claim ledger.Claim, err error) ending {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
	defer cancel()
	e := ending{claim: claim, what: "not tried", delay: outageDelay}
	e.final, err = s.halt(ctx, claim.Shard.Migration, err)
	if errors.Is(err, ledger.ErrNotFound) {
		return ending{what: "is of no migration in the ledger", ack: true}
	}
	_, released := s.Ledger.Failed(ctx, claim, ledger.Failure{Kind: shard.Outage})
	if released != nil {
		s.drop() // or it would still hold the shard
	}
	e.err = errors.Join(err, released)
	return e
}

// refused ends a task whose shard is not to be worked on.
func (s *slot) refused(ctx context.Context, task shard.Task, claim ledger.Claim) ending {
	e := ending{claim: claim, what: claim.Answer.String(), ack: true}
	switch claim.Answer {
	case ledger.Busy:
		_, err := s.Ledger.Reap(ctx, task.Migration, task.Ordinal, pausepoint.Wait("frozen", ledger.DefaultFrozen))
		return ending{claim: claim, what: "busy", delay: busyDelay, err: err}
	case ledger.Paused, ledger.Late, ledger.Full:
		s.controls.refused(claim.Answer)
		return ending{claim: claim, delay: s.again(claim.Answer)}
	case ledger.Done:
		e.receipt, e.what = *claim.Receipt, "already done"
	case ledger.Dead:
		e.letter = claim.Letter
		if claim.Receipt != nil {
			e.receipt = *claim.Receipt
		}
	}
	return e
}

// claimed moves a claimed shard and turns every way in which that can end into what the ledger says of it.
func (s *slot) claimed(ctx context.Context, claim ledger.Claim, mapped fitted) ending {
	began := time.Now()
	s.read = ""
	receipt, err := s.move(ctx, claim, mapped)
	s.controls.note(err != nil && setBackOf(ctx) != nil)
	if err == nil {
		s.controls.took(&claim.Shard, time.Since(began))
		s.window.follow(receipt.Timing, s.Limits)
		return ending{claim: claim, what: "done", receipt: *receipt, ack: true}
	}
	err = s.lacking(ctx, err, mapped.target)
	kind, cause := shard.KindOf(err)
	if crowded := (*transfer.Crowded)(nil); errors.As(err, &crowded) {
		return s.split(ctx, claim, crowded)
	}
	s.drop() // its transaction may be open, and what it answers may be late
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
	defer cancel()
	back := setBackOf(ctx)
	switch {
	case kind == shard.Unknown:
		return s.unknown(last, claim, err)
	case back != nil:
		return s.rolledBack(last, claim, back)
	case kind == shard.Stale:
		return ending{claim: claim, what: "let go", delay: retryDelay, err: err}
	case kind == shard.Schema:
		return s.unmapped(last, claim, err)
	}
	failure := ledger.Failure{Kind: kind, Cause: cause, Error: telemetry.Redact(err), TraceID: traceID(ctx), Limit: maxFailures,
		Tried: s.tried(last, claim, mapped)}
	letter, noted := s.Ledger.Failed(last, claim, failure)
	e := ending{claim: claim, what: "failed: " + kind.String(), delay: outageDelay, letter: letter, err: errors.Join(err, noted)}
	if letter != nil {
		e.what = "dead"
		e.delay = 0 // the next delivery finds it dead in the ledger, and mirrors it
	}
	return e
}

// unknown asks the ledger what became of a COMMIT that was not answered.
func (s *slot) unknown(ctx context.Context, claim ledger.Claim, err error) ending {
	receipt, asked := s.Ledger.Settled(ctx, claim)
	if asked != nil || receipt == nil {
		return ending{claim: claim, what: "not committed as far as is known", delay: retryDelay, err: errors.Join(err, asked)}
	}
	return ending{claim: claim, what: "done, though COMMIT was not answered", receipt: *receipt, ack: true}
}

func (s *slot) split(ctx context.Context, claim ledger.Claim, crowded *transfer.Crowded) ending {
	children, err := s.Ledger.Split(ctx, claim, crowded.Cut)
	return s.divided(claim, children, err)
}

// divided ends a task whose shard was split, or was to be.
func (s *slot) divided(claim ledger.Claim, children [2]shard.Shard, err error) ending {
	if err != nil {
		s.drop() // or it would still hold the shard
		return ending{claim: claim, what: "not split", delay: outageDelay, err: err}
	}
	return ending{claim: claim, what: fmt.Sprintf("split into %d and %d", children[0].Ordinal, children[1].Ordinal), ack: true}
}

// recovered, deferred, makes an error of a panic, which is a defect of ours that this shard has met: it is counted, and ends no other shard.
func (s *slot) recovered(ctx context.Context, doing string, sh *shard.Shard, err *error) {
	if panicked := recover(); panicked != nil {
		s.Log.ErrorContext(ctx, "a shard made the worker panic, please report it", "shard", sh.Ordinal, "stack", string(debug.Stack()))
		*err = shard.Failf(shard.Defect, "%s shard %s: panic of type %T", doing, sh.ID, panicked) // its text may hold a value
	}
}

// move runs the one transaction.
func (s *slot) move(ctx context.Context, claim ledger.Claim, mapped fitted) (receipt *shard.Receipt, err error) {
	defer s.recovered(ctx, "move", &claim.Shard, &err)
	claim.TraceID = traceID(ctx)
	book, err := s.Ledger.Begin(ctx, s.conn, claim)
	if err != nil {
		return nil, err
	}
	defer func() { _ = book.Rollback(context.WithoutCancel(ctx)) }() // after a commit it does nothing
	s.course = newCourse(s.Legacy.Where(), s.conn.Config())
	snapshot, err := s.snapshot(ctx, mapped)
	if err != nil {
		return nil, err
	}
	defer func() { _ = snapshot.Close() }() // nothing was written: what was read counts
	if err := s.work(ctx, claim, mapped, snapshot, book); err != nil {
		return nil, err
	}
	pausepoint.At("before_commit")
	if err := s.commit(ctx, book); err != nil {
		return nil, err
	}
	pausepoint.At("committed")
	return book.Receipt(), nil
}

// snapshot takes one of the legacy database as the mapping knows it.
func (s *slot) snapshot(ctx context.Context, mapped fitted) (snapshot *legacy.Snapshot, err error) {
	end := s.course.begin(ctx, piece{phase: shard.Reading, verb: "snapshot"})
	defer func() { end(err) }()
	if snapshot, err = s.Legacy.Snapshot(ctx, legacy.Reading{Users: mapped.Keys, MaxRowBytes: mapped.File.MaxRowBytes}); err != nil {
		return nil, err
	}
	s.read = snapshot.Position()
	// After the snapshot was taken: what changes a table from now on makes its read fail.
	if err = s.unchanged(ctx, mapped); err != nil {
		_ = snapshot.Close() // nothing was read yet
		return nil, err
	}
	return snapshot, nil
}

// commit commits, in a span that is shown however many there are already.
func (s *slot) commit(ctx context.Context, book *ledger.Book) error {
	p := piece{phase: shard.Closing, verb: "COMMIT", at: s.course.target}
	_, span := tracer().Start(ctx, p.name(), p.options()...)
	err := book.Commit(ctx)
	concluded(span, err)
	return err
}

// traceID returns the ID of ctx's trace; empty without one.
func traceID(ctx context.Context) string {
	if span := trace.SpanContextFromContext(ctx); span.HasTraceID() {
		return span.TraceID().String()
	}
	return ""
}

// work does what the shard is for, all but the commit.
func (s *slot) work(ctx context.Context, claim ledger.Claim, mapped fitted, snapshot *legacy.Snapshot, book *ledger.Book) error {
	flow := s.pacer.Flow()
	defer flow.End()
	from := &source{&paced{snapshot, flow}, s.course, mapped.Keys.Table}
	to, in := &sink{s.shapes.NewTx(s.conn), s.course}, &account{book, s.course}
	mover := transfer.Mover{Mapping: mapped.Compiled, Limits: s.window.limits(s.Limits), Memory: &s.memory}
	switch claim.Shard.Kind {
	case shard.Audit:
		return s.audit(ctx, &claim.Shard, mapped, from, book)
	case shard.Redo:
		list, err := book.List(ctx)
		if err == nil {
			_, err = mover.Redo(ctx, &claim.Shard, list, claim.Token, from, to, in)
		}
		return err
	}
	_, err := mover.Move(ctx, &claim.Shard, claim.Token, from, to, in)
	return err
}
