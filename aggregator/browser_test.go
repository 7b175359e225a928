package main_test

import (
	"fmt"
	"strings"
	"testing"

	"rehome/pkg/sandbox/browser"
	"rehome/pkg/sandbox/programs"
)

// TestANightOnThePage has an operator see a run from its start to clean by the pages alone, without loading them again.
func TestANightOnThePage(t *testing.T) {
	t.Parallel()
	traces := newJaeger(t)
	n := newNight(t, traces.URL)
	p := n.page
	browser.Value[bool](p, "window.same = true")
	if got := browser.Value[string](p, "location.href"); strings.Contains(got, "token") {
		t.Errorf("the token stays in the address %s", got)
	}
	n.begins()
	ordinal := n.dies()
	n.traced(traces, ordinal)
	n.republished()

	n.goes("#/shards", "Shards")
	n.until("its cell is planned again", func() bool { return n.cell(ordinal) == "planned" })
	n.runs(0)
	n.until("its cell is green", func() bool { return n.cell(ordinal) == "done" })
	n.goes("#/", "Overview")
	p.Until("the verdict to be clean", "document.querySelector('#verdict .verdict').textContent === 'clean'")
	p.Until("all to be done", "document.querySelector('#progress .big').textContent === '100.0%'")
	if !browser.Value[bool](p, "window.same === true") {
		t.Error("the page was loaded again")
	}
	for _, c := range p.Complaints() {
		if !strings.Contains(c, "503") { // while there was no migration
			t.Error(c)
		}
	}
}

// begins has a run go from nothing to its end, and the page follow.
func (n *night) begins() {
	n.Helper()
	p := n.page
	p.Until("the page to say that there is nothing yet", "document.querySelector('main').innerText.includes('producer run')")
	n.env = append(n.env, "REHOME_PAUSE_AT=claimed:4")
	worker := n.start(programs.Worker)
	run := n.start(programs.Producer, "run", "-f", "migration.yaml")
	worker.Paused(n.ctx)
	p.Until("progress", "parseFloat(document.querySelector('#progress .big').textContent) > 0")
	far := p.Text("#progress .big")
	p.Until("the worker with its shard", "document.querySelector('#workers .doing a')")
	worker.Release()
	if exit := run.Wait(n.ctx); exit != 4 {
		n.Fatalf("the run ends with %d:\n%s%s", exit, run.Stdout(), run.Stderr())
	}
	p.Until("more progress", fmt.Sprintf("document.querySelector('#progress .big').textContent !== %q", far))
	p.Until("dead letters among what holds it up", "document.querySelector('#holds').innerText.includes('2 shards are dead')")
}

// dies opens a dead letter.
func (n *night) dies() (ordinal int) {
	n.Helper()
	n.goes("#/dead", "Dead letters")
	n.page.Until("the cause", fmt.Sprintf("document.querySelector('.letter code').textContent === %q", nightCause))
	_, err := fmt.Sscanf(n.page.Text(".letter .ids a"), "%d.0", &ordinal)
	n.must(err)
	n.goes(fmt.Sprintf("#/shard/%d", ordinal), fmt.Sprintf("Shard %d", ordinal))
	n.page.Until("a dead shard", "document.querySelector('.title .chip').textContent === 'dead'")
	return ordinal
}

// traced follows the link to the shard's trace.
func (n *night) traced(traces *jaeger, ordinal int) {
	n.Helper()
	var trace string
	n.must(n.conn.QueryRow(n.ctx, `SELECT trace_id FROM rehome.shard WHERE migration = 'night' AND ordinal = $1`, ordinal).Scan(&trace))
	link := browser.Value[string](n.page, "document.querySelector('.facts a.trace').href")
	if want := traces.URL + "/trace/" + trace; link != want || len(trace) != 32 {
		n.Errorf("the trace's link is %s, want %s", link, want)
	}
	n.page.Click(".facts a.trace")
	n.until("the trace is asked for", func() bool { return traces.shown() != "" })
	if got := traces.shown(); got != trace {
		n.Errorf("asked for the trace %s, want %s", got, trace)
	}
}

// republished is refused before the cause is mended, and gives both shards another life when it is.
func (n *night) republished() {
	n.Helper()
	p := n.page
	p.Click(`button[aria-label^="republish"]`)
	p.Click("dialog button.main")
	p.Until("a refusal, as nothing has changed", "document.querySelector('dialog .results').innerText.includes('nothing has changed since it died')")
	p.Click("dialog button.main")
	n.inTarget(nightMended)
	n.goes("#/dead", "Dead letters")
	p.Click(`.letter button[aria-label^="republish"]`)
	p.Click("dialog button.main")
	p.Until("both to be republished", "document.querySelector('dialog .results').innerText.match(/republished/g).length === 2")
	p.Click("dialog button.main")
	p.Until("nothing to be dead", "document.querySelector('main').innerText.includes('No shard is dead')")
}
