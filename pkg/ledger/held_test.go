package ledger

import "testing"

func TestEnded(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	m := b.plan("m")
	b.beat()
	b.claim(b.connect(), id(m, 0), Claimed)
	b.claim(b.connect(), id(m, 1), Claimed)
	held, _, err := b.InWork(t.Context(), "m")
	if err != nil || len(held) != 2 {
		t.Fatal(held, err)
	}
	if n, err := b.Ended(t.Context(), "m", held); n != 0 || err != nil {
		t.Errorf("%d have ended before any has, %v", n, err)
	}
	b.exec(`UPDATE rehome.shard SET state = 'done', receipt = '{}', xid = pg_current_xact_id(), holder = NULL WHERE ordinal = 0`)
	if n, err := b.Ended(t.Context(), "m", held); n != 1 || err != nil {
		t.Errorf("%d have ended, want 1, %v", n, err)
	}
}

func TestHowADeadlineWasSaid(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.plan("m")
	if text, err := b.Until(t.Context(), "m"); text != "" || err != nil {
		t.Error(text, err)
	}
	for _, said := range []string{"05:00 UTC", "06:00 Europe/Berlin"} {
		if err := b.NoteUntil(t.Context(), "m", said); err != nil {
			t.Fatal(err)
		}
	}
	if text, err := b.Until(t.Context(), "m"); text != "06:00 Europe/Berlin" || err != nil {
		t.Error(text, err)
	}
}
