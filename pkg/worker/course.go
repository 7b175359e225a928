package worker

import (
	"context"
	"maps"
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"rehome/pkg/legacy"
	"rehome/pkg/shard"
	"rehome/pkg/telemetry"
)

// mostPieces is how many pieces of an attempt have spans of their own: a shard of millions of rows, or one in which offenders are isolated, has
// more than anybody looks at. The durations of its phases count them all.
const mostPieces = 96

// A course is one attempt at a shard on its way through the phases. It measures how long it is at what, and shows pieces of it as spans: a question to a
// database, a window of rows. Nothing is measured by the row but one of many. It is for one goroutine.
type course struct {
	legacy, target []attribute.KeyValue // what is asked there
	phases         map[shard.Phase]time.Duration
	bytes          int64
	inner          time.Duration // of all pieces so far: what reading, which has others in it, takes off
	pieces, unseen int
	fill           fill
	tables         map[int]*spent // by entry
}

// spent is what one entry has taken.
type spent struct {
	took  time.Duration
	bytes int64
}

// spend counts time and bytes to an entry.
func (c *course) spend(entry int, took time.Duration, bytes int64) {
	if c.tables[entry] == nil {
		c.tables[entry] = &spent{}
	}
	c.tables[entry].took += took
	c.tables[entry].bytes += bytes
}

func newCourse(from legacy.Where, to *pgx.ConnConfig) *course {
	c := &course{phases: map[shard.Phase]time.Duration{}, tables: map[int]*spent{}}
	host, port, err := net.SplitHostPort(from.Address)
	if err != nil {
		host = from.Address // the path of a socket
	}
	c.legacy = where(semconv.DBSystemNameKey.String(from.System), from.Database, host, port)
	c.target = where(semconv.DBSystemNamePostgreSQL, to.Database, to.Host, strconv.Itoa(int(to.Port)))
	return c
}

func where(system attribute.KeyValue, database, host, port string) []attribute.KeyValue {
	all := []attribute.KeyValue{system, semconv.DBNamespace(database), semconv.ServerAddress(host)}
	if n, err := strconv.Atoi(port); err == nil {
		all = append(all, semconv.ServerPort(n))
	}
	return all
}

// A piece is what an attempt spends time on.
type piece struct {
	phase shard.Phase
	verb  string // of the statement, or a word for what is no single one
	table string // that the statement is about, as the mapping names it; may be empty
	at    []attribute.KeyValue
}

// name is the summary of the statement, which holds no literal.
func (p piece) name() string {
	if p.table == "" {
		return p.verb
	}
	return p.verb + " " + p.table
}

func (p piece) options(more ...attribute.KeyValue) []trace.SpanStartOption {
	all := append([]attribute.KeyValue{phaseKey.String(string(p.phase))}, more...)
	if p.at == nil {
		if p.table != "" {
			all = append(all, tableKey.String(p.table))
		}
		return []trace.SpanStartOption{trace.WithAttributes(all...)}
	}
	all = append(append(all, p.at...), semconv.DBOperationName(p.verb), semconv.DBQuerySummary(p.name()))
	if p.table != "" {
		all = append(all, semconv.DBCollectionName(p.table))
	}
	return []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(all...)}
}

// show starts the span of a piece, while there are not too many.
func (c *course) show(ctx context.Context, p piece, more ...trace.SpanStartOption) trace.Span {
	if !trace.SpanFromContext(ctx).IsRecording() {
		return noop.Span{}
	}
	if c.pieces++; c.pieces > mostPieces {
		c.unseen++
		return noop.Span{}
	}
	_, span := tracer().Start(ctx, p.name(), append(p.options(), more...)...)
	return span
}

// begin starts a piece. Its end is to be called with how it ended.
func (c *course) begin(ctx context.Context, p piece, more ...attribute.KeyValue) (end func(error)) {
	span, began := c.show(ctx, p, trace.WithAttributes(more...)), time.Now()
	return func(err error) {
		took := time.Since(began)
		c.phases[p.phase] += took
		c.inner += took
		concluded(span, err)
	}
}

// concluded ends the span of a piece. That the data is refused is what pieces are for: the attempt goes on, and has not failed of it.
func concluded(span trace.Span, err error) {
	if kind, cause := shard.KindOf(err); err != nil && kind == shard.Data {
		span.SetAttributes(attribute.String("rehome.refused", cause))
		err = nil
	}
	telemetry.Fail(span, err)
	span.End()
}

// timing is what the attempt was at so far.
func (c *course) timing() *shard.Timing {
	of := func(p shard.Phase) int64 { return millis(c.phases[p]) }
	t := &shard.Timing{
		Read: of(shard.Reading), Convert: of(shard.Converting), Copy: of(shard.Copying), ReadBack: of(shard.ReadingBack), Close: of(shard.Closing), Bytes: c.bytes,
	}
	for _, entry := range slices.Sorted(maps.Keys(c.tables)) {
		t.Tables = append(t.Tables, shard.TableTiming{Entry: entry, Millis: millis(c.tables[entry].took), Bytes: c.tables[entry].bytes})
	}
	return t
}

// attributes are the same for the attempt's span.
func (c *course) attributes() []attribute.KeyValue {
	all := []attribute.KeyValue{bytesKey.Int64(c.bytes)}
	for p, took := range c.phases {
		all = append(all, attribute.Int64("rehome."+string(p)+"_ms", millis(took)))
	}
	if c.unseen > 0 {
		all = append(all, attribute.Int("rehome.pieces_without_span", c.unseen))
	}
	return all
}
