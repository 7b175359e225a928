package dashboard

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"rehome/pkg/aggregator"
	"rehome/pkg/report"
)

// How often the verdict is come to: it adds up all receipts, so that it takes its time where there are many.
const (
	verdictEvery = 10 * time.Second // or more, so that it takes at most a twentieth of the time
	verdictSoon  = 2 * time.Second  // where the run has come to another state: or a tenth of the time
	soonShare    = 10
	verdictRetry = time.Minute // at most, where it could not be come to
)

// A verdict is the newest report of the migration.
type verdict struct {
	asking sync.Mutex // one at a time; before mu

	mu      sync.Mutex
	report  *report.Report
	at      time.Time
	cost    time.Duration
	key     string    // what the run had come to when it was begun
	running bool      // from begin to ended
	retry   time.Time // not before, as the last try that was begun failed
}

// key tells what a verdict depends on most.
func (d *Dashboard) key() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	p := &d.current.Progress
	return fmt.Sprint(p.State, p.Shards.Dead, p.Shards.Discarded, p.Loaded())
}

// begin reports whether it is time for another report, which the caller then comes to, and calls ended.
func (v *verdict) begin(key string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.running || v.fresh(key) || time.Now().Before(v.retry) {
		return false
	}
	v.running = true
	return true
}

// ended tells how what was begun has ended. A ledger that cannot answer is not asked all the time.
func (v *verdict) ended(err error, took time.Duration) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.running = false
	if err != nil {
		v.retry = time.Now().Add(min(max(verdictEvery, share*took), verdictRetry))
	}
}

// fresh is for who holds mu.
func (v *verdict) fresh(key string) bool {
	rest := max(verdictEvery, share*v.cost)
	if key != v.key {
		rest = max(verdictSoon, soonShare*v.cost)
	}
	return v.report != nil && time.Since(v.at) < rest
}

// come comes to the verdict, unless somebody has done so meanwhile.
func (v *verdict) come(ctx context.Context, d *Dashboard) (*report.Report, error) {
	v.asking.Lock()
	defer v.asking.Unlock()
	began, key := time.Now(), d.key()
	v.mu.Lock()
	if v.fresh(key) {
		defer v.mu.Unlock()
		return v.report, nil
	}
	v.mu.Unlock()
	r, err := aggregator.Report(ctx, d.config.Ledger, d.migration(), d.config.Version)
	v.mu.Lock()
	if err == nil {
		v.report, v.at, v.cost, v.key = r, time.Now(), time.Since(began), key
	}
	v.mu.Unlock()
	return r, err
}

// tell adds what is known of the verdict.
func (v *verdict) tell(s *Sight) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.report == nil {
		return
	}
	at := v.at.UTC()
	s.Verdict = Verdict{Verdict: v.report.Verdict, Reasons: append([]string{}, v.report.Reasons...), At: &at}
	s.Tables = append([]report.Table{}, v.report.Tables...)
}

func (d *Dashboard) report(ctx context.Context, _ *http.Request) (any, error) {
	r, err := d.verdict.come(ctx, d)
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	if err := r.Write(&text, "json"); err != nil {
		return nil, err
	}
	return json.RawMessage(text.Bytes()), nil
}

// paper is what the report may do in a browser: it brings its styles along, and no scripts.
const paper = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"

func (d *Dashboard) reportPage(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), answerWithin)
	defer cancel()
	var text bytes.Buffer
	err := errNone
	if d.migration() != "" {
		var built *report.Report
		if built, err = d.verdict.come(ctx, d); err == nil {
			err = built.Write(&text, "html")
		}
	}
	if err != nil {
		fail(w, r, err)
		return
	}
	w.Header().Set("Content-Security-Policy", paper)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(text.Bytes()) // who asked has gone: nobody is left to tell
}

// A Quarantine is what keeps users out, by cause, as the last report has it.
type Quarantine struct {
	Causes []report.Cause `json:"causes"`
}

func (d *Dashboard) quarantine(ctx context.Context, _ *http.Request) (any, error) {
	r, err := d.verdict.come(ctx, d)
	if err != nil {
		return nil, err
	}
	return Quarantine{Causes: append([]report.Cause{}, r.Causes...)}, nil
}
