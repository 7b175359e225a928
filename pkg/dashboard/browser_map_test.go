package dashboard

import (
	"fmt"
	"testing"

	"rehome/pkg/sandbox/browser"
)

const (
	manyShards = 100_000
	firstMost  = 5000 // milliseconds from the map's bytes to its first picture: five times what is promised, as the machine does other things, too
)

// fill has half of the shards done, of these some with quarantined users, and some dead, as the ledger would have them.
func (s *site) fill() {
	s.Helper()
	s.exec(`
		UPDATE rehome.shard
		   SET state = CASE WHEN ordinal % 500 = 7 THEN 'dead' ELSE 'done' END, quarantined = CASE WHEN ordinal % 40 = 1 THEN 1 ELSE 0 END,
		       receipt = jsonb_build_object('id', jsonb_build_object('migration', migration, 'run', $1::text, 'ordinal', ordinal, 'generation', 0),
		           'state', CASE WHEN ordinal % 500 = 7 THEN 'dead' ELSE 'done' END),
		       xid = pg_current_xact_id(), done_at = now(), cause = 'check:app.users.age', error = 'too old', first_failed = now(), last_failed = now()
		 WHERE migration = 'shop' AND ordinal < $2`, s.run, manyShards/2)
}

// counts waits until the legend has a number behind each of the names.
func counts(p *browser.Page, want map[string]string) {
	for name, n := range want {
		p.Until(name+" to be "+n, fmt.Sprintf(`[...document.querySelectorAll(".legend b")].some((b) => b.previousElementSibling.textContent === %q && b.textContent === %q)`, name, n))
	}
}

// TestAMapOfManyShards shows a hundred thousand cells. How long that takes is measured by make bench.
func TestAMapOfManyShards(t *testing.T) {
	t.Parallel()
	s := newLedger(t, planOf(manyShards))
	s.fill()
	s.serve(s.config())
	p := browser.Open(t)
	p.Go(s.server.URL + "/#/shards")
	p.Until("the map", "performance.getEntriesByName('map painted').length > 0")
	took := browser.Value[float64](p, `performance.getEntriesByName("map painted")[0].startTime -
		performance.getEntriesByType("resource").find((r) => r.name.endsWith("/api/v1/shards")).responseEnd`)
	if took > firstMost {
		t.Errorf("the map is painted %.0f ms after it was there", took)
	}
	counts(p, map[string]string{"planned": "50,001", "dead": "100", "done": "48,650", "done, with quarantined users": "1,250", "in work": "0"})
	t.Run("a pointer at a cell is told which it is", func(t *testing.T) {
		corner := browser.Value[[]float64](p, `(({left, top}) => [left, top])(document.querySelector(".map canvas").getBoundingClientRect())`)
		p.Point(corner[0]+1+7*3, corner[1]+22+1) // cells of three pixels, below the name of the wave
		p.Until("the tip", "document.querySelector('.tip').textContent === 'shard 7, wave casual, dead'")
	})
	t.Run("the legend shows those of one state alone, as links, and the keyboard goes from one to the next", func(t *testing.T) {
		browser.Value[bool](p, `([...document.querySelectorAll(".legend button")].find((b) => b.textContent.startsWith("dead")).click(), document.querySelector(".map").focus(), true)`)
		p.Until("the links", "document.querySelectorAll('.ordinals a').length === 100 && document.querySelectorAll('.ordinals a')[1].hash === '#/shard/507'")
		p.Press("n")
		p.Press("n")
		p.Until("the second", "document.querySelector('.readout').textContent.startsWith('shard 507, wave casual, dead')")
	})
	t.Run("what changes is painted without a reload", func(t *testing.T) {
		s.exec(`UPDATE rehome.shard SET state = 'planned', receipt = NULL, xid = NULL WHERE migration = 'shop' AND ordinal = 7`)
		counts(p, map[string]string{"planned": "50,002", "dead": "99"})
		s.exec(`UPDATE rehome.shard SET state = 'planned', receipt = NULL, xid = NULL WHERE migration = 'shop' AND ordinal BETWEEN 40000 AND 44999`)
		counts(p, map[string]string{"dead": "89", "done, with quarantined users": "1,125"})
	})
	for _, c := range p.Complaints() {
		t.Error(c)
	}
}
