package sandbox

import "bytes"

// A Fate is what becomes of a message that is lost.
type Fate int

// The fates of a message.
const (
	Unanswered Fate = iota + 1 // the server has it, and its answer is lost with the connection
	Unheard                    // it never reaches the server, and the connection is cut
	CutBehind                  // it is sent, and the connection is cut at once: nobody can tell
)

// A loss waits for the message that is to be lost.
type loss struct {
	message []byte
	fate    Fate
	met     chan struct{}
}

// Lose loses the next message from a client that has the given bytes in it: one that is sent alone, such as a COMMIT. The
// channel is closed when the message has met its fate.
func (p *Proxy) Lose(message string, fate Fate) <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.loss = &loss{message: []byte(message), fate: fate, met: make(chan struct{})}
	return p.loss.met
}

// meet tells what becomes of a piece: an error cuts the connection before it.
func (l *link) meet(piece []byte, up bool) (Fate, error) {
	if !up {
		return 0, l.forget()
	}
	lost := l.take(piece)
	if lost == nil {
		return 0, nil
	}
	if lost.fate == Unanswered {
		l.answer.Store(lost)
		return 0, nil
	}
	l.answer.Store(&loss{met: make(chan struct{})}) // one that comes quickly is lost too
	close(lost.met)
	if lost.fate == Unheard {
		return 0, errCut
	}
	return lost.fate, nil
}

// forget loses the answer to a message that was lost.
func (l *link) forget() error {
	lost := l.answer.Swap(nil)
	if lost == nil {
		return nil
	}
	close(lost.met)
	return errCut
}

// take returns the loss that waits for the piece, if one does.
func (p *Proxy) take(piece []byte) *loss {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.loss == nil || !bytes.Contains(piece, p.loss.message) {
		return nil
	}
	lost := p.loss
	p.loss = nil
	return lost
}
