package producer

import (
	"context"
	"encoding/json"
	"fmt"

	"rehome/pkg/aggregator"
	"rehome/pkg/ledger"
	"rehome/pkg/report"
)

// takeCensus takes the census for the report: all shards have ended.
func (r *Run) takeCensus(ctx context.Context) (err error) {
	r.census, err = r.ledger.TakeCensus(ctx, r.m.Name)
	return err
}

// Report comes to the verdict and, once the run is over, keeps it in the ledger.
func (r *Run) Report(ctx context.Context) (*report.Report, error) {
	result, err := aggregator.ReportBy(ctx, r.ledger, r.m.Name, r.Version, r.census)
	if err != nil || result.Verdict == report.Incomplete {
		return result, err
	}
	kept := *result
	kept.Begun, kept.Timings, kept.Throughput, kept.Made = nil, report.Timings{}, report.Throughput{}, nil // another time: no other verdict
	body, err := json.Marshal(kept)
	if err != nil {
		return nil, fmt.Errorf("encode the verdict: %w", err)
	}
	if err := r.ledger.SetVerdict(ctx, r.m.Name, body); err != nil {
		return result, err
	}
	r.m.State = ledger.Finished
	return result, nil
}
