package producer

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"rehome/pkg/report"
	"rehome/pkg/telemetry"
)

// traced is run in a span, which the traces of its shards are linked to. That it ends as it was told to is no failure of it.
func (r *Run) traced(ctx context.Context) (*report.Report, error) {
	ctx, span := otel.Tracer("rehome/pkg/producer").Start(ctx, "run",
		trace.WithAttributes(attribute.String("rehome.migration", r.m.Name), attribute.String("rehome.run", r.m.Run)))
	defer span.End()
	result, err := r.run(ctx)
	switch stopped := (*Stopped)(nil); {
	case errors.As(err, &stopped):
		span.SetAttributes(attribute.String("rehome.outcome", "stopped"))
	case err == nil:
		span.SetAttributes(attribute.String("rehome.outcome", result.Verdict))
	default:
		telemetry.Fail(span, err)
	}
	return result, err
}
