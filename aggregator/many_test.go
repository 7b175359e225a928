package main_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"rehome/pkg/dashboard"
	"rehome/pkg/sandbox"
)

const (
	manyShards = 100_000
	mostMemory = 200 << 20
)

// A hundred thousand shards with their receipts, some of which end while several look.
func TestAHundredThousandShards(t *testing.T) {
	m := newMoved(t, 40)
	m.inTarget(`
		UPDATE rehome.migration SET state = 'loading', closing = '{}';
		INSERT INTO rehome.shard (migration, ordinal, generation, kind, wave, entry, cell_first, cell_limit, users, weight, parent, state, mapping_hash, attempt, trace_id, receipt, xid,
		                          migrated, quarantined, written, claimed_at, done_at)
		SELECT s.migration, n, 0, 'users', n % 2, -1, 0, 0, 20, 20000, -1, CASE WHEN n % 4 = 3 THEN 'planned' ELSE 'done' END, s.mapping_hash, 1, s.trace_id,
		       CASE WHEN n % 4 < 3 THEN s.receipt || jsonb_build_object('ordinal', n) END, CASE WHEN n % 4 < 3 THEN s.xid END, s.migrated, s.quarantined, s.written, s.claimed_at, s.done_at
		  FROM (SELECT * FROM rehome.shard WHERE kind = 'users' AND state = 'done' ORDER BY octet_length(receipt::text) DESC LIMIT 1) s CROSS JOIN generate_series(1000, 100999) n;
		ANALYZE rehome.shard`)
	t.Logf("a receipt has %s bytes", m.one(`SELECT max(octet_length(receipt::text))::text FROM rehome.shard`))
	v := visits(t, []string{"TARGET_DSN=" + m.target, "NATS_URL=" + sandbox.NATS(t).URL(), "REHOME_LISTEN=127.0.0.1:0"})
	began := time.Now()
	v.overview(func(o *dashboard.Overview) bool { return o.Progress.Shards.Planned > manyShards })
	t.Logf("the first overview took %s", time.Since(began))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	heard := make(chan int, 100)
	for range 5 {
		r, err := http.NewRequestWithContext(ctx, "GET", v.scheme+"://"+v.host+"/api/v1/events", nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := v.client.Transport.RoundTrip(r) //nolint:bodyclose // whoever hears it closes it
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			defer response.Body.Close()
			lines := bufio.NewScanner(response.Body)
			lines.Buffer(nil, 8<<20)
			for lines.Scan() {
				var c dashboard.ShardChanges
				if data, found := strings.CutPrefix(lines.Text(), "data: "); found && strings.Contains(data, `"changes"`) && json.Unmarshal([]byte(data), &c) == nil {
					heard <- len(c.Changes)
				}
			}
		}()
	}
	for range 5 {
		<-heard // where the stream begins
	}
	began = time.Now()
	m.inTarget(`UPDATE rehome.shard SET state = 'done', receipt = (SELECT receipt FROM rehome.shard WHERE ordinal = 1000), xid = pg_current_xact_id()
		WHERE ordinal BETWEEN 1000 AND 5000 AND state = 'planned'`)
	for range 5 {
		if n := <-heard; n != 1000 {
			t.Errorf("%d changes", n)
		}
	}
	t.Logf("the changes were told %s after they began", time.Since(began))
	began = time.Now()
	if status, text := v.ask("GET", "/api/v1/shards", ""); status != 200 || len(text) < manyShards {
		t.Errorf("the map: %d, %d bytes", status, len(text))
	}
	t.Logf("the map took %s", time.Since(began))
	v.overview(func(o *dashboard.Overview) bool { return o.Verdict.Verdict != "" })
	t.Logf("the first verdict came after %s", time.Since(began))
	began = time.Now()
	if status, _ := v.ask("GET", "/api/v1/report", ""); status != 200 {
		t.Errorf("the report: %d", status)
	}
	t.Logf("the report took %s", time.Since(began))
	for range 20 {
		v.ask("GET", "/api/v1/shards", "")
		v.ask("GET", "/api/v1/dead", "")
		v.ask("GET", "/api/v1/shards/1000", "")
	}
	t.Logf("at most %d MiB", v.MaxRSS()>>20)
	if v.MaxRSS() > mostMemory {
		t.Errorf("the aggregator took %d MiB", v.MaxRSS()>>20)
	}
	cancel()
	v.leave()
}
