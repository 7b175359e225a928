package dashboard

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"rehome/pkg/producer"
	"rehome/pkg/report"
	"rehome/pkg/shard"
)

func TestReading(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.move(0, 0, "000000001", "000000002")
	s.kill(1, 0)
	s.claim(2, 0)

	t.Run("the overview tells how it stands, who is at what, and what may be done", func(t *testing.T) {
		var o Overview
		s.eventually("the verdict is known", func() bool {
			o = get[Overview](s, "/api/v1/overview")
			return o.Verdict.Verdict != ""
		})
		if o.Migration != "shop" || o.Run != s.run || o.Mapping != "hash" || o.Version != "1.0.0" || o.TraceURL != "http://jaeger.example/trace/{trace_id}" || time.Since(o.At) > time.Minute {
			t.Errorf("got %+v", o)
		}
		if o.Verdict.Verdict != report.Incomplete || len(o.Verdict.Reasons) == 0 || o.Verdict.At == nil {
			t.Errorf("the verdict is %+v", o.Verdict)
		}
		if p := o.Progress; p.Users.Planned != 4 || p.Users.Migrated != 2 || p.Shards != (report.Shards{Planned: 3, Done: 1, Dead: 1, Pending: 1}) || p.Working != 1 || len(p.Waves) != 2 {
			t.Errorf("the progress is %+v", o.Progress)
		}
		if len(o.Tables) != 1 || o.Tables[0].Into != "app.users" || o.Tables[0].Written != 2 {
			t.Errorf("the tables are %+v", o.Tables)
		}
		want := []Worker{{ID: s.holder, Host: "here", Program: "worker v1", Slots: 2, Busy: 1, Shards: []HeldShard{{Ordinal: 2, Attempt: 1, Wave: afterWaves}}}}
		if diff := cmp.Diff(want, o.Workers, cmpopts.IgnoreFields(Worker{}, "Age"), cmpopts.IgnoreFields(HeldShard{}, "Seconds")); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(Actions{Pause: true, Dead: true}, o.Actions); diff != "" {
			t.Error(diff)
		}
		if o.Rate.Left != nil || len(o.History) == 0 {
			t.Errorf("rate %+v, history %v", o.Rate, o.History)
		}
	})
	t.Run("the shard map has a byte for each ordinal", func(t *testing.T) {
		got := get[ShardMap](s, "/api/v1/shards")
		want := ShardMap{Epoch: got.Epoch, Version: got.Version, States: []byte{3, 5, 2}, Waves: []byte{0, 1, 255}, Names: []string{"casual", "all"}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("a shard that is done tells its sums", func(t *testing.T) {
		got := get[Shard](s, "/api/v1/shards/0")
		if got.ID != "0.0" || got.State != "done" || got.Wave != "casual" || got.Migrated != 2 || got.Attempts != 1 || got.FinishedAt == nil || got.Parent != -1 || got.Holder != nil {
			t.Errorf("got %+v", got)
		}
		if diff := cmp.Diff([]ShardTable{{Into: "app.users", From: "users", Source: 2, Written: 2}}, got.Tables); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("a dead one tells why, and what happened", func(t *testing.T) {
		got := get[Shard](s, "/api/v1/shards/1")
		if got.State != "dead" || got.Cause != "altered:app.users.name" || got.TraceID == "" || got.Failures != 1 || got.Error == "" {
			t.Errorf("got %+v", got)
		}
		if len(got.Events) != 1 || got.Events[0].What != "dead" || got.Events[0].Detail["cause"] != "altered:app.users.name" {
			t.Errorf("the events are %+v", got.Events)
		}
	})
	t.Run("one in work tells with whom", func(t *testing.T) {
		got := get[Shard](s, "/api/v1/shards/2")
		if got.State != "working" || got.Holder == nil || got.Holder.Host != "here" || got.Holder.Since == nil || got.Kind != shard.Late {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("there is no other", func(t *testing.T) {
		for path, status := range map[string]int{"/api/v1/shards/3": 404, "/api/v1/shards/x": 400, "/api/v1/shards/-1": 400, "/api/v1/nothing": 404, "/api/v2/overview": 404, "/nothing": 404} {
			if got := s.ask("GET", path, ""); got.status != status {
				t.Errorf("%s: %d %s", path, got.status, got.body)
			}
		}
	})
	t.Run("dead letters are listed by their causes", func(t *testing.T) {
		got := get[producer.DeadList](s, "/api/v1/dead")
		if len(got.Causes) != 1 || got.Causes[0].Cause != "altered:app.users.name" || !cmp.Equal(got.Causes[0].IDs, []string{"1.0"}) {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("the report can be handed out, and runs nothing", func(t *testing.T) {
		a := s.ask("GET", "/api/v1/report.html", "")
		if a.status != 200 || a.header.Get("Content-Type") != "text/html; charset=utf-8" || !strings.Contains(a.body, "shop") || a.header.Get("Content-Security-Policy") != paper {
			t.Errorf("%d %v", a.status, a.header)
		}
	})
	t.Run("the report and the quarantine are those of the ledger", func(t *testing.T) {
		if got := get[report.Report](s, "/api/v1/report"); got.Migration != "shop" || got.Verdict != report.Incomplete {
			t.Errorf("got %+v", got)
		}
		if got := get[Quarantine](s, "/api/v1/quarantine"); got.Causes == nil {
			t.Errorf("got %+v", got)
		}
	})
}

func TestBeforeAMigration(t *testing.T) {
	t.Parallel()
	board, err := New(Config{Access: local()})
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"overview", "shards", "shards/0", "dead", "quarantine", "report", "report.html"} {
		w := httptest.NewRecorder()
		board.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "http://localhost/api/v1/"+path, nil))
		if w.Code != 503 || !strings.Contains(w.Body.String(), "start producer run") {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}
