package ledger

import "testing"

func TestGivenBack(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	m := b.plan("m")
	b.beat()
	claims := []Claim{b.claim(b.connect(), id(m, 0), Claimed), b.claim(b.connect(), id(m, 1), Claimed)}
	held, _, err := b.InWork(t.Context(), "m")
	if err != nil || len(held) != 2 {
		t.Fatal(held, err)
	}
	if n, err := b.Given(t.Context(), "m", held); n != 0 || err != nil {
		t.Errorf("%d are given back before any is, %v", n, err)
	}
	if err := b.release(t.Context(), claims[0], ""); err != nil {
		t.Fatal(err)
	}
	if n, err := b.Given(t.Context(), "m", held); n != 1 || err != nil {
		t.Errorf("%d are given back, want 1, %v", n, err)
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
