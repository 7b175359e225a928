package dashboard

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"rehome/pkg/report"
)

func TestVerdictsTurn(t *testing.T) {
	t.Parallel()
	t.Run("a ledger that cannot answer is asked again after a while", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var v verdict
			for _, tt := range []struct{ took, rest time.Duration }{{time.Millisecond, verdictEvery}, {time.Second, share * time.Second}, {time.Hour, verdictRetry}} {
				if !v.begin("loading") || v.begin("loading") {
					t.Fatal("it is not begun, or twice")
				}
				v.ended(errors.New("no answer"), tt.took)
				time.Sleep(tt.rest - time.Millisecond) //nolint:forbidigo // of the bubble's clock, which does not wait
				if v.begin("loading") {
					t.Errorf("one that took %s is tried again within %s", tt.took, tt.rest)
				}
				time.Sleep(time.Millisecond) //nolint:forbidigo // as above
			}
		})
	})
	t.Run("one that somebody else has come to meanwhile does not keep the next from being begun", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var d Dashboard
			v, key := &d.verdict, d.key()
			v.begin(key)
			v.report, v.at, v.key = &report.Report{}, time.Now(), key
			if got, err := v.come(t.Context(), &d); err != nil || got != v.report {
				t.Error(got, err)
			}
			v.ended(nil, 0)
			time.Sleep(verdictEvery) //nolint:forbidigo // as above
			if !v.begin(key) {
				t.Error("no other is begun")
			}
		})
	})
}
