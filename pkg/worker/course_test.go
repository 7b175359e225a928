package worker

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"rehome/pkg/legacy"
	"rehome/pkg/mapping"
	"rehome/pkg/shard"
	"rehome/pkg/throttle"
)

// spend takes time of the bubble's clock.
func spend(d time.Duration) { time.Sleep(d) } //nolint:forbidigo // which does not wait

func newTestCourse() *course {
	return newCourse(legacy.Where{System: "mariadb", Address: "legacy:3306", Database: "shop"}, &pgx.ConnConfig{})
}

// records has all spans of the process recorded while the test runs.
func records(t *testing.T) (context.Context, *tracetest.InMemoryExporter) {
	t.Helper()
	exporter := tracetest.NewInMemoryExporter()
	provider, before := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter)), otel.GetTracerProvider()
	otel.SetTracerProvider(provider)
	t.Cleanup(func() { otel.SetTracerProvider(before) })
	ctx, span := provider.Tracer("test").Start(t.Context(), "attempt")
	t.Cleanup(func() { span.End() })
	return ctx, exporter
}

func TestTimeOfAnAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, pacer := newTestCourse(), &throttle.Pacer{}
		s := &source{&paced{nil, pacer.Flow()}, c, "users"}
		at := func(p shard.Phase, d time.Duration) {
			end := c.begin(t.Context(), piece{phase: p, verb: "x"})
			spend(d)
			end(nil)
		}
		n := 0
		take := func(shard.Row) error {
			spend(time.Millisecond)
			if n++; n%97 == 0 { // the window is full, when a row is measured
				c.filled(t.Context())
				at(shard.Copying, 30*time.Millisecond)
				at(shard.ReadingBack, 20*time.Millisecond)
			}
			return nil
		}
		err := s.stream(t.Context(), &mapping.RowPlan{Source: "users", Into: "app.users"}, take, func(yield func(shard.Row) error) error {
			for range 970 {
				spend(2 * time.Millisecond) // until it has come
				if err := yield(shard.Row{}); err != nil {
					return err
				}
			}
			pacer.Set(100, 1)
			return s.flow.Take(t.Context(), 200) // which is waited for, and is no reading
		})
		if err != nil || s.flow.Waited() < time.Second {
			t.Fatalf("waited %s, %v", s.flow.Waited(), err)
		}
		at(shard.Closing, 7*time.Millisecond)
		want := &shard.Timing{Read: 1940, Convert: 970, Copy: 300, ReadBack: 200, Close: 7, Tables: []shard.TableTiming{{Entry: 0, Millis: 2910}}}
		if diff := cmp.Diff(want, c.timing()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestPiecesOfAnAttempt(t *testing.T) {
	ctx, exporter := records(t)
	t.Run("a giant shard has as many spans as anybody looks at, and says how many are missing", func(t *testing.T) {
		c := newTestCourse()
		for range mostPieces + 5 {
			c.begin(ctx, piece{shard.Copying, "COPY", "app.users", c.target})(nil)
		}
		if n := len(exporter.GetSpans()); n != mostPieces || c.unseen != 5 {
			t.Errorf("%d spans, %d without; want %d and 5", n, c.unseen, mostPieces)
		}
	})
	t.Run("its questions follow the conventions, and hold no literal", func(t *testing.T) {
		exporter.Reset()
		c := newTestCourse()
		c.begin(ctx, piece{shard.Reading, "SELECT", "users", c.legacy})(nil)
		s := exporter.GetSpans()[0]
		got := map[string]any{"": s.Name + " " + s.SpanKind.String()}
		for _, a := range s.Attributes {
			got[string(a.Key)] = a.Value.AsInterface()
		}
		want := map[string]any{"": "SELECT users client", "db.system.name": "mariadb", "db.namespace": "shop", "server.address": "legacy", "server.port": int64(3306),
			"db.operation.name": "SELECT", "db.collection.name": "users", "db.query.summary": "SELECT users", "rehome.phase": "read"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	t.Run("that the data is refused is no failure of the attempt, anything else is", func(t *testing.T) {
		exporter.Reset()
		c := newTestCourse()
		failed := errors.New("connection reset")
		for _, err := range []error{nil, shard.Fail(shard.Data, "check:app.users.kind", failed), failed} {
			c.begin(ctx, piece{shard.Copying, "COPY", "app.users", c.target})(err)
		}
		var got []codes.Code
		for _, s := range exporter.GetSpans() {
			got = append(got, s.Status.Code)
		}
		if diff := cmp.Diff([]codes.Code{codes.Unset, codes.Unset, codes.Error}, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestTimingOfAShard(t *testing.T) {
	ctx, exporter := records(t)
	d := newPlainDesk(t)
	d.inLegacy(`INSERT INTO users SELECT seq FROM seq_1000_to_9000`)
	began := time.Now()
	receipt, err := d.doesIn(ctx, d.shards()[0])
	d.must(err)
	whole := time.Since(began).Milliseconds()
	timing := receipt.Timing
	if timing == nil || timing.Bytes < 8000*20 || timing.Read+timing.Convert+timing.Copy+timing.ReadBack+timing.Close > whole+5 ||
		timing.Read+timing.Copy == 0 {
		t.Errorf("it took %d ms: %+v", whole, timing)
	}
	t.Logf("%d ms: %+v", whole, timing)
	t.Run("it stands in the ledger", func(t *testing.T) {
		if got := d.ask(`SELECT receipt->'timing'->>'bytes' FROM rehome.shard WHERE ordinal = 0`); got == "" || got == "0" {
			t.Errorf("bytes %q", got)
		}
	})
	if n := len(exporter.GetSpans()); n < 8 || n > 20 {
		t.Errorf("%d spans", n)
	}
}
