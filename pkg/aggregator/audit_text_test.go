package aggregator

import (
	"strings"
	"testing"

	"rehome/pkg/plan"
	"rehome/pkg/shard"
)

func TestTheTextOfAnAudit(t *testing.T) {
	record := &plan.Record{Entries: []plan.Entry{
		{Into: "app.users", From: "wp_users", Key: []string{"id"}}, {Into: "app.users", From: "wp_usermeta"},
	}}
	r := &AuditReport{Migration: "shop", Verdict: "same", Tables: auditTables(record), Repair: &AuditRepair{Units: 1, Rounds: 1}}
	text := func() string {
		var b strings.Builder
		if err := r.Write(&b, "text"); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	t.Run("attributes are no rows of their own", func(t *testing.T) {
		if got := text(); strings.Contains(got, "wp_usermeta") || !strings.Contains(got, "wp_users") {
			t.Error(got)
		}
	})
	t.Run("one round is not told in the plural", func(t *testing.T) {
		if got := text(); !strings.Contains(got, "\ndone again 1 users and rows without one, rounds 1\n") {
			t.Error(got)
		}
	})
	t.Run("attributes that nothing has gathered are shown", func(t *testing.T) {
		r.count(shard.Audited{Entry: 1, Class: shard.LegacyNew, Rows: 2})
		if got := text(); !strings.Contains(got, "wp_usermeta") {
			t.Error(got)
		}
	})
}
