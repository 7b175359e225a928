package sandbox

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// underWay bounds what a direction of a link holds: pieces that were read and are not due yet.
const underWay = 512

// A link is one connection through a Proxy.
type link struct {
	*Proxy
	client, backend net.Conn
	ctx             context.Context // the life of the link, which others ask for
	end             context.CancelFunc
	spoke           atomic.Int32         // who did last
	answer          atomic.Pointer[loss] // of which the answer is to be lost
}

const clientSpoke, serverSpoke = 1, 2

// A piece is what one read of a link brought, or its end.
type piece struct {
	bytes []byte
	due   time.Time
	err   error // io.EOF, or what tore the connection
}

func (p *Proxy) serve(client net.Conn) {
	l := &link{Proxy: p, client: client}
	l.ctx, l.end = context.WithCancel(context.Background())
	defer l.end()
	var dialer net.Dialer
	backend, err := dialer.DialContext(l.ctx, "tcp4", p.server)
	if err != nil {
		reset(client)
		return
	}
	l.backend = backend
	p.mu.Lock()
	p.links[l] = struct{}{}
	p.mu.Unlock()
	var flows sync.WaitGroup
	flows.Go(func() { l.flow(client, backend, p.up, true) })
	flows.Go(func() { l.flow(backend, client, p.down, false) })
	flows.Wait()
	l.cut()
	p.mu.Lock()
	delete(p.links, l)
	p.mu.Unlock()
}

// cut tears the link at both ends.
func (l *link) cut() {
	l.end()
	reset(l.client)
	reset(l.backend)
}

// reset closes a connection so that the other end sees it torn. Of one that is closed already nothing is left to tear.
func reset(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// flow passes on what from says, until one of the two is closed. An end of from that was in good order is passed on too, and the
// other direction stays.
func (l *link) flow(from, to net.Conn, limit *rate.Limiter, up bool) {
	pieces := make(chan piece, underWay)
	var reading sync.WaitGroup
	reading.Go(func() { l.read(from, pieces, up) })
	defer reading.Wait()
	if err := l.write(to, pieces, limit, up); !errors.Is(err, io.EOF) {
		l.cut()
		return
	}
	if tcp, ok := to.(*net.TCPConn); ok {
		_ = tcp.CloseWrite() // it may be closed by now
	}
}

func (l *link) read(from net.Conn, pieces chan<- piece, up bool) {
	buffer := make([]byte, chunk)
	for {
		n, err := from.Read(buffer)
		due := time.Now().Add(time.Duration(l.latency.Load()))
		if n > 0 {
			if l.speaks(up) {
				l.count.turns.Add(1)
			}
			if !l.send(pieces, piece{bytes: append([]byte(nil), buffer[:n]...), due: due}) {
				return
			}
		}
		if err != nil {
			l.send(pieces, piece{err: err, due: due})
			return
		}
	}
}

func (l *link) send(pieces chan<- piece, p piece) bool {
	select {
	case pieces <- p:
		return true
	case <-l.ctx.Done():
		return false
	}
}

// speaks notes who speaks and tells whether the client does after the server has, or first.
func (l *link) speaks(client bool) bool {
	if !client {
		l.spoke.Store(serverSpoke)
		return false
	}
	return l.spoke.Swap(clientSpoke) != clientSpoke
}

// write ends with what ended the pieces, or with what kept it from passing them on.
func (l *link) write(to net.Conn, pieces <-chan piece, limit *rate.Limiter, up bool) error {
	for {
		var p piece
		select {
		case p = <-pieces:
		case <-l.ctx.Done():
			return l.ctx.Err()
		}
		if err := l.wait(p.due); err != nil {
			return err
		}
		if p.err != nil {
			return p.err
		}
		if err := limit.WaitN(l.ctx, len(p.bytes)); err != nil {
			return err
		}
		if err := l.pass(to, p.bytes, up); err != nil {
			return err
		}
	}
}

// wait waits until the time has come and the proxy holds nothing back.
func (l *link) wait(due time.Time) error {
	timer := time.NewTimer(time.Until(due))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-l.ctx.Done():
		return l.ctx.Err()
	}
	for {
		l.mu.Lock()
		gate, open := l.gate, l.open()
		l.mu.Unlock()
		if open {
			return l.ctx.Err()
		}
		select {
		case <-gate:
		case <-l.ctx.Done():
			return l.ctx.Err()
		}
	}
}

func (l *link) pass(to net.Conn, bytes []byte, up bool) error {
	bytes, burnt := l.burn(bytes)
	fate, err := l.meet(bytes, up)
	if err != nil {
		return err
	}
	if up {
		l.count.up.Add(int64(len(bytes)))
	} else {
		l.count.down.Add(int64(len(bytes)))
	}
	_, err = to.Write(bytes)
	if burnt || fate == CutBehind {
		return errCut
	}
	return err
}

var errCut = errors.New("the proxy cuts the connection")

// burn returns what may pass of the bytes, and whether the connection is cut behind them.
func (p *Proxy) burn(bytes []byte) (passes []byte, burnt bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fuse == 0 {
		return bytes, false
	}
	if left := p.fuse - int64(len(bytes)); left > 0 {
		p.fuse = left
		return bytes, false
	}
	bytes, p.fuse = bytes[:p.fuse], 0
	return bytes, true
}
