package worker

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"rehome/pkg/keyspace"
	"rehome/pkg/ledger"
	"rehome/pkg/mapping"
	"rehome/pkg/shard"
	"rehome/pkg/target"
)

// stride is how many rows come to one whose conversion is measured: to ask for the time twice costs a part of what many a row does.
const stride = 16

// A fill is how the rows of a window are converted, while they are read.
type fill struct {
	table   string
	entry   int
	began   time.Time // when the first of them came; zero without one
	rows    int64
	sampled time.Duration
	samples int64
}

// took estimates from the rows that were measured.
func (f *fill) took() time.Duration {
	if f.samples == 0 {
		return 0
	}
	return time.Duration(float64(f.sampled) / float64(f.samples) * float64(f.rows))
}

// filled ends the fill: its rows are on their way to the target, or there are no more.
func (c *course) filled(ctx context.Context) {
	f := c.fill
	c.fill = fill{table: f.table, entry: f.entry}
	if f.rows == 0 {
		return
	}
	took := f.took()
	c.phases[shard.Converting] += took
	c.inner += took
	c.spend(f.entry, took, 0)
	span := c.show(ctx, piece{phase: shard.Converting, verb: string(shard.Converting), table: f.table}, trace.WithTimestamp(f.began),
		trace.WithAttributes(rowsKey.Int64(f.rows), attribute.Int64("rehome.convert_ms", millis(took))))
	span.End()
}

// sampling has rows pass to yield, and measures some.
func (c *course) sampling(yield func(shard.Row) error) func(shard.Row) error {
	return func(row shard.Row) error {
		f := &c.fill
		if f.rows++; f.rows%stride != 1 {
			return yield(row)
		}
		began, inner := time.Now(), c.inner
		if f.began.IsZero() {
			f.began = began
		}
		err := yield(row)
		// Sending is no conversion. Where the window was full, the fill is another one by now.
		if f.rows > 0 {
			f.sampled += max(0, time.Since(began)-(c.inner-inner))
			f.samples++
		}
		return err
	}
}

// A source is a snapshot whose reading is measured.
type source struct {
	*paced
	*course
	users string // the table that has them
}

func (s *source) reading(table string) piece { return piece{shard.Reading, "SELECT", table, s.legacy} }

// Units is the Snapshot's.
func (s *source) Units(ctx context.Context, slice shard.Slice) ([]keyspace.Key, error) {
	table := s.users
	if slice.Entry != nil {
		table = slice.Entry.Source
	}
	end := s.begin(ctx, s.reading(table), attribute.String("rehome.reads", "keys"))
	units, err := s.paced.Units(ctx, slice)
	end(err)
	return units, err
}

// Counts is the Snapshot's.
func (s *source) Counts(ctx context.Context, entries []*mapping.RowPlan, slice shard.Slice) ([]shard.Counted, error) {
	end := s.begin(ctx, s.reading(""), attribute.String("rehome.reads", "counts"))
	counts, err := s.paced.Counts(ctx, entries, slice)
	end(err)
	return counts, err
}

// Rows is the Snapshot's.
func (s *source) Rows(ctx context.Context, e *mapping.RowPlan, slice shard.Slice, yield func(shard.Row) error) error {
	return s.stream(ctx, e, yield, func(yield func(shard.Row) error) error { return s.paced.Rows(ctx, e, slice, yield) })
}

// Plain is the Snapshot's.
func (s *source) Plain(ctx context.Context, e *mapping.RowPlan, slice shard.Slice, yield func(shard.Row) error) error {
	return s.stream(ctx, e, yield, func(yield func(shard.Row) error) error { return s.paced.Plain(ctx, e, slice, yield) })
}

// stream measures rows that come while others are converted and sent. What the worker has to wait for them, to be no faster than it may, is nobody's.
func (s *source) stream(ctx context.Context, e *mapping.RowPlan, yield func(shard.Row) error, read func(func(shard.Row) error) error) error {
	s.filled(ctx) // nothing is left of an entry before
	s.fill.table, s.fill.entry = e.Into, e.Ordinal
	var rows int64
	span, began, inner, waited := s.show(ctx, s.reading(e.Source)), time.Now(), s.inner, s.flow.Waited()
	converted := s.sampling(yield)
	err := read(func(row shard.Row) error {
		rows++
		return converted(row)
	})
	s.filled(ctx)
	took := max(0, time.Since(began)-(s.inner-inner)-(s.flow.Waited()-waited))
	s.phases[shard.Reading] += took
	s.inner += took
	s.spend(e.Ordinal, took, 0)
	span.SetAttributes(semconv.DBResponseReturnedRows(int(rows)), attribute.Int64("rehome.read_ms", millis(took)))
	concluded(span, err)
	return err
}

// A sink is the data's side of the transaction, measured.
type sink struct {
	*target.Tx
	*course
}

func (s *sink) asking(p shard.Phase, verb, table string) piece {
	return piece{p, verb, table, s.course.target}
}

// of starts a piece that is about the rows of one entry.
func (s *sink) of(ctx context.Context, entry int, bytes int64, p piece, more ...attribute.KeyValue) (end func(error)) {
	s.bytes += bytes
	inner, done := s.inner, s.begin(ctx, p, more...)
	return func(err error) {
		done(err)
		s.spend(entry, s.inner-inner, bytes)
	}
}

// Send is the Tx's, and ends no fill: the rows go on coming. Only the time that it takes from reading and converting is measured.
func (s *sink) Send(ctx context.Context, w *shard.Window) error {
	began := time.Now()
	err := s.Tx.Send(ctx, w)
	took := time.Since(began)
	s.phases[shard.Copying] += took
	s.inner += took
	s.spend(w.Entry.Ordinal, took, 0)
	return err
}

// Copy is the Tx's.
func (s *sink) Copy(ctx context.Context, w *shard.Window) error {
	s.filled(ctx)
	end := s.of(ctx, w.Entry.Ordinal, int64(len(w.Tuples)), s.asking(shard.Copying, "COPY", w.Entry.Into), rowsKey.Int(len(w.Rows)), bytesKey.Int(len(w.Tuples)))
	err := s.Tx.Copy(ctx, w)
	end(err)
	return err
}

// ReadBack is the Tx's.
func (s *sink) ReadBack(ctx context.Context, w *shard.Window, yield func(at int, tuple []byte) error) error {
	end := s.of(ctx, w.Entry.Ordinal, 0, s.asking(shard.ReadingBack, "SELECT", w.Entry.Into), rowsKey.Int(len(w.Rows)))
	err := s.Tx.ReadBack(ctx, w, yield)
	end(err)
	return err
}

// Seal is the Tx's.
func (s *sink) Seal(ctx context.Context) error {
	end := s.begin(ctx, s.asking(shard.Closing, "SET CONSTRAINTS", ""))
	err := s.Tx.Seal(ctx)
	end(err)
	return err
}

// Finish is the Tx's.
func (s *sink) Finish(ctx context.Context) error {
	end := s.begin(ctx, s.asking(shard.Closing, "SET CONSTRAINTS", ""))
	err := s.Tx.Finish(ctx)
	end(err)
	return err
}

// Stage is the Tx's: rows of a redo, on their way to where they are compared.
func (s *sink) Stage(ctx context.Context, e *mapping.RowPlan, rows []shard.Staged) error {
	s.filled(ctx)
	size := 0
	for i := range rows {
		size += len(rows[i].Tuple)
	}
	end := s.of(ctx, e.Ordinal, int64(size), s.asking(shard.Copying, "COPY", e.Into), rowsKey.Int(len(rows)), bytesKey.Int(size), attribute.Bool("rehome.staged", true))
	err := s.Tx.Stage(ctx, e, rows)
	end(err)
	return err
}

// Compare is the Tx's: what stands is read, and compared with what was staged.
func (s *sink) Compare(ctx context.Context, e *mapping.RowPlan, decide func(*shard.Compared) shard.Decision) error {
	end := s.of(ctx, e.Ordinal, 0, s.asking(shard.ReadingBack, "SELECT", e.Into), attribute.Bool("rehome.staged", true))
	err := s.Tx.Compare(ctx, e, decide)
	end(err)
	return err
}

// Write is the Tx's: all that a redo has decided.
func (s *sink) Write(ctx context.Context) error {
	end := s.begin(ctx, s.asking(shard.Copying, "MERGE", ""))
	err := s.Tx.Write(ctx)
	end(err)
	return err
}

// An account is the ledger in the transaction, measured. The receipt tells what it was at.
type account struct {
	*ledger.Book
	*course
}

// Blocks is the Book's.
func (a *account) Blocks(ctx context.Context, blocks []shard.Block) error {
	end := a.begin(ctx, piece{shard.Closing, "INSERT", "rehome.manifest", a.target})
	err := a.Book.Blocks(ctx, blocks)
	end(err)
	return err
}

// Close is the Book's.
func (a *account) Close(ctx context.Context, o shard.Outcome) error {
	o.Receipt.Timing = a.timing()
	_, span := inPhase(ctx, shard.Closing)
	err := a.Book.Close(ctx, o)
	concluded(span, err)
	return err
}
