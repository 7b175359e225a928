package main_test

import (
	"os"
	"path/filepath"
	"testing"

	"rehome/pkg/queue"
)

// Behind the load constraints come back: what is dead is tried again when that run has ended.
func TestRepublishWhileARunEndsTheLoad(t *testing.T) {
	l, ids := died(t)
	l.inTarget(deadMended)
	l.does("dead republish "+ids[0], 0, ids[0]+"  republished")
	p := l.start("settling_begins", "run")
	p.Paused(l.ctx)
	l.does("dead republish "+ids[1], 6, ids[1]+"  refused: a run is at work behind the load; let it end, or stop it, and republish then")
	l.holds("0", `SELECT generation FROM rehome.shard WHERE state = 'dead'`)
	p.Release()
	if exit := p.Wait(l.ctx); exit != 4 {
		t.Errorf("the run ends with %d:\n%s%s", exit, p.Stdout(), p.Stderr())
	}
	l.does("dead republish --all", 0, ids[1]+"  republished")
	l.reports(0)
}

// The ledger is what counts: a queue that was lost has the letters again when a run has something to do.
func TestDeadLettersOfALostQueue(t *testing.T) {
	l, ids := died(t)
	l.letters(ids...)
	if err := os.RemoveAll(filepath.Join(string(l.dir), queue.Store("letters"))); err != nil {
		t.Fatal(err)
	}
	l.does("dead list", 0, ids[0]+" "+ids[1])
	l.inTarget(deadMended)
	l.does("dead republish "+ids[0], 0, "republished")
	l.reports(4)
	l.letters(ids[1])
}
