package producer

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rehome/pkg/ledger"
)

func TestEventsAreReadable(t *testing.T) {
	at := time.Date(2026, 3, 1, 22, 0, 0, 0, time.UTC)
	var b strings.Builder
	s := DeadShow{Events: []ledger.Event{
		{At: at, Generation: 0, Attempt: 1, What: "failed", Detail: json.RawMessage(`{"kind": "defect", "cause": "altered:app.users.name", "error": "it differs", "trace_id": "", "failures": 1}`)},
		{At: at.Add(time.Minute), Generation: 10, Attempt: 2, What: "republished", Detail: json.RawMessage(`{"by": "root@here", "tried": {"mapping": "sha256:1"}}`)},
		{At: at.Add(time.Hour), What: "applied", Detail: json.RawMessage(`{}`)}, {At: at, What: "odd", Detail: json.RawMessage(`[`)},
	}}
	s.EventsText(&b)
	want := `AT                    GENERATION  ATTEMPT  WHAT
2026-03-01T22:00:00Z           0        1  failed
    cause: altered:app.users.name
    error: it differs
    failures: 1
    kind: defect
2026-03-01T22:01:00Z          10        2  republished
    by: root@here
    tried: {"mapping":"sha256:1"}
2026-03-01T23:00:00Z           0        0  applied
2026-03-01T22:00:00Z           0        0  odd
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
}
