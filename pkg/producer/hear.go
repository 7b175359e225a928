package producer

import "sync"

// Settled tells the run that the work on a shard has ended in this process and the ledger holds how, so that the run need not find out by looking. It
// may be called at any time, by any number of goroutines.
func (r *Run) Settled() { r.heard.add() }

// A hearing counts what was heard, and tells when it has come to a number.
type hearing struct {
	mu   sync.Mutex
	n    int
	goal int           // the number that somebody waits for
	told chan struct{} // closed when it is reached; nil while nobody waits
}

func (h *hearing) add() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.n++
	h.tell()
}

func (h *hearing) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.n
}

// from returns what is closed once so much was heard. Whoever waited for another number waits no more.
func (h *hearing) from(goal int) <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	told := make(chan struct{})
	h.goal, h.told = goal, told
	h.tell()
	return told
}

// tell has whoever waits go on, if it is time. The caller has locked.
func (h *hearing) tell() {
	if h.told != nil && h.n >= h.goal {
		close(h.told)
		h.told = nil
	}
}
