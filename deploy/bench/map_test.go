package bench

import (
	"fmt"
	"regexp"
	"runtime"
	"testing"

	"rehome/pkg/sandbox/browser"
	"rehome/pkg/sandbox/programs"
)

const (
	mapShards  = 100_000
	mapChanged = 500 // shards of one change
	mapChanges = 20
)

// mapFill has half of the planned shards done, as the ledger would have them.
const mapFill = `
	UPDATE rehome.shard
	   SET state = CASE WHEN ordinal % 500 = 7 THEN 'dead' ELSE 'done' END, quarantined = CASE WHEN ordinal % 40 = 1 THEN 1 ELSE 0 END,
	       receipt = jsonb_build_object('id', jsonb_build_object('migration', migration, 'run', (SELECT run FROM rehome.migration), 'ordinal', ordinal, 'generation', 0),
	           'state', CASE WHEN ordinal % 500 = 7 THEN 'dead' ELSE 'done' END),
	       xid = pg_current_xact_id(), done_at = now(), cause = 'check:app.users.age', error = 'too old', first_failed = now(), last_failed = now()
	 WHERE ordinal < 50000`

// mapSeen measures a map that is painted, in milliseconds: since the start of the navigation until its bytes were there, and until they were painted; between the two; from a
// click at the legend until it is painted anew; and from a move of the pointer until its tip is there, the slowest of fifty. Then it notes how long each frame takes.
const mapSeen = `(async () => {
	const painted = performance.getEntriesByName("map painted")[0].startTime;
	const fetched = performance.getEntriesByType("resource").find((r) => r.name.endsWith("/api/v1/shards")).responseEnd;
	const frame = () => new Promise((done) => requestAnimationFrame(done));
	performance.clearMarks("map filtered");
	let began = performance.now();
	[...document.querySelectorAll(".legend button")].find((b) => b.textContent.startsWith("dead")).click();
	while (!performance.getEntriesByName("map filtered").length) await frame();
	const filter = performance.now() - began;
	const canvas = document.querySelector(".map canvas");
	const box = canvas.getBoundingClientRect();
	let tip = 0;
	for (let i = 0; i < 50; i++) {
		const before = document.querySelector(".tip")?.textContent;
		began = performance.now();
		canvas.dispatchEvent(new PointerEvent("pointermove", {bubbles: true, pointerType: "mouse", clientX: box.left + 15 + 11 * i, clientY: box.top + 60 + 3 * i}));
		while ((document.querySelector(".tip")?.textContent ?? before) === before) await frame();
		tip = Math.max(tip, performance.now() - began);
	}
	window.frames_ms = [];
	let last = performance.now();
	(function next() { requestAnimationFrame((now) => { window.frames_ms.push(now - last); last = now; next(); }); })();
	return {fetched_ms: fetched, painted_ms: painted, drawn_ms: painted - fetched, filter_ms: filter, tip_ms: tip};
})()`

var mapAddress = regexp.MustCompile(`http://127\.0\.0\.1:\d+/`)

// BenchmarkMap shows a hundred thousand shards in a browser: how soon, how it answers, and what memory the aggregator takes while one client looks and much changes.
func BenchmarkMap(b *testing.B) {
	for b.Loop() {
		seeMap(b)
	}
}

func seeMap(b *testing.B) {
	r := newRig(b, []string{
		`CREATE TABLE users (id INT PRIMARY KEY, name VARCHAR(40) NOT NULL)`,
		fmt.Sprintf(`INSERT INTO users SELECT seq, CONCAT('user ', seq) FROM seq_1_to_%d`, mapShards), `ANALYZE TABLE users`,
	}, shardsTarget, shardsMapping)
	producer := r.start(programs.Producer, "run")
	r.until(func() bool { return r.count(`SELECT count(*) FROM rehome.migration WHERE state = 'loading'`) > 0 })
	producer.Kill()
	_, err := r.conn.Exec(b.Context(), mapFill)
	r.must(err)
	_, err = r.conn.Exec(b.Context(), `VACUUM ANALYZE`)
	r.must(err)

	aggregator := r.start(programs.Aggregator, "--listen", "127.0.0.1:0")
	r.until(func() bool { return mapAddress.MatchString(aggregator.Stdout() + aggregator.Stderr()) })
	address := mapAddress.FindString(aggregator.Stdout() + aggregator.Stderr())
	p := browser.Open(b)
	opens := func() float64 {
		p.Go("about:blank")
		p.Go(address + "#/shards")
		p.Until("the map", `performance.getEntriesByName("map painted").length > 0`)
		return browser.Value[float64](p, `performance.getEntriesByName("map painted")[0].startTime`)
	}
	cold := opens() // nobody has looked yet, so that the aggregator has not either
	opens()
	values := browser.Value[map[string]any](p, mapSeen)
	values["cold_ms"] = cold
	for i := range mapChanges {
		first := 60_000 + mapChanged*i
		_, err := r.conn.Exec(b.Context(), `
			UPDATE rehome.shard SET state = 'done', receipt = jsonb_build_object('id', jsonb_build_object('migration', migration, 'ordinal', ordinal, 'generation', 0), 'state', 'done'),
			       xid = pg_current_xact_id(), done_at = now()
			 WHERE ordinal BETWEEN $1 AND $2`, first, first+mapChanged-1)
		r.must(err)
		r.until(func() bool {
			return browser.Value[bool](p, fmt.Sprintf(`[...document.querySelectorAll(".legend b")].some((b) => b.previousElementSibling.textContent === "done" && b.textContent === (%d).toLocaleString("en-US"))`,
				48_650+mapChanged*(i+1)))
		})
	}
	values["frames"] = browser.Value[[]float64](p, `(() => { const f = window.frames_ms.sort((a, b) => a - b); return [0.5, 0.99, 1].map((q) => Math.round(10 * f[Math.ceil(q * f.length) - 1]) / 10); })()`)
	values["aggregator_mib"], values["cpus"], values["shards"] = aggregator.MaxRSS()>>20, runtime.NumCPU(), mapShards
	for _, name := range []string{"cold_ms", "painted_ms", "drawn_ms", "filter_ms", "tip_ms"} {
		b.ReportMetric(values[name].(float64), name)
	}
	record(b, "map", values)
}
