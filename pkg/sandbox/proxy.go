package sandbox

import (
	"fmt"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/time/rate"
)

// A Proxy is a way to a server on which connections are slowed, cut and held, as a network does it. What is set holds for all
// its connections, those that there are and those to come. Its methods may be called concurrently.
type Proxy struct {
	server   string
	listener net.Listener
	serving  sync.WaitGroup
	refuses  atomic.Bool
	latency  atomic.Int64
	up, down *rate.Limiter // bytes per second, in pieces of chunk
	count    counts

	mu    sync.Mutex
	links map[*link]struct{}
	gate  chan struct{} // closed while bytes pass
	fuse  int64         // bytes until a connection is cut; 0 for none
	loss  *loss
}

// Traffic is what has passed a Proxy so far.
type Traffic struct {
	Connections int64 // that clients have made
	Turns       int64 // times that a client spoke after the server had, or first: round trips, where the client waits for its answers
	Up, Down    int64 // bytes to the server, and from it
}

type counts struct{ connections, turns, up, down atomic.Int64 }

const chunk = 16 << 10 // bytes that are passed on at once

// NewProxy opens a way to the server at HOST:PORT and closes it, with its connections, when t ends.
func NewProxy(t testing.TB, server string) *Proxy {
	t.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("open a proxy before %s: %v", server, err)
	}
	p := &Proxy{
		server: server, listener: listener, links: map[*link]struct{}{}, gate: make(chan struct{}),
		up: rate.NewLimiter(rate.Inf, chunk), down: rate.NewLimiter(rate.Inf, chunk),
	}
	close(p.gate)
	p.serving.Go(p.accept)
	t.Cleanup(p.close)
	return p
}

// ProxyTo opens a way to the server of a URL (a DSN, or that of a NATS server) and returns it with the URL that leads over it.
func ProxyTo(t testing.TB, where string) (p *Proxy, over string) {
	t.Helper()
	u, err := url.Parse(where)
	if err != nil {
		t.Fatal("open a proxy: where it leads is not a URL") // which may hold a password
	}
	p = NewProxy(t, u.Host)
	return p, p.URL(t, where)
}

// Addr is the HOST:PORT where clients connect.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// URL returns the URL of something on the proxy's server, such as the DSN of another database, as it is over the proxy.
func (p *Proxy) URL(t testing.TB, where string) string {
	t.Helper()
	u, err := url.Parse(where)
	if err != nil || u.Host != p.server {
		t.Fatalf("lead a URL over the proxy before %s: it is of another server, or none", p.server)
	}
	u.Host = p.Addr()
	return u.String()
}

// SetLatency delays every byte by d, in each direction: a round trip takes 2d longer. What is under way keeps its delay.
func (p *Proxy) SetLatency(d time.Duration) { p.latency.Store(int64(d)) }

// Limit lets so many bytes per second pass in each direction, over all connections together; 0 means any number.
func (p *Proxy) Limit(bytesPerSecond int) {
	limit := rate.Inf
	if bytesPerSecond > 0 {
		limit = rate.Limit(bytesPerSecond)
	}
	p.up.SetLimit(limit)
	p.down.SetLimit(limit)
}

// Cut resets every connection at both its ends, without a word, and returns how many there were. What was under way is lost.
func (p *Proxy) Cut() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		l.cut()
	}
	return len(p.links)
}

// CutAfter resets the connection on which the n-th byte from now passes, behind that byte; 0 takes that back.
func (p *Proxy) CutAfter(n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fuse = n
}

// Hold leaves all connections open and lets nothing pass, not even their ends, until Release: neither side can tell. Who connects
// meanwhile is let in and hears nothing.
func (p *Proxy) Hold() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open() {
		p.gate = make(chan struct{})
	}
}

// Release ends what Hold began; what was held arrives.
func (p *Proxy) Release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.open() {
		close(p.gate)
	}
}

// Refuse resets whoever connects from now on, or no longer does. Connections that there are stay.
func (p *Proxy) Refuse(refuse bool) { p.refuses.Store(refuse) }

// Heal takes back whatever was set. Connections that were held are cut: a network that has forgotten them answers so.
func (p *Proxy) Heal() {
	p.SetLatency(0)
	p.Limit(0)
	p.CutAfter(0)
	p.Refuse(false)
	p.mu.Lock()
	held := !p.open()
	p.mu.Unlock()
	if held {
		p.Cut()
		p.Release()
	}
}

// Traffic returns what has passed so far.
func (p *Proxy) Traffic() Traffic {
	return Traffic{
		Connections: p.count.connections.Load(), Turns: p.count.turns.Load(), Up: p.count.up.Load(), Down: p.count.down.Load(),
	}
}

func (t Traffic) String() string {
	return fmt.Sprintf("%d connections, %d turns, %d bytes up, %d down", t.Connections, t.Turns, t.Up, t.Down)
}

func (p *Proxy) open() bool {
	select {
	case <-p.gate:
		return true
	default:
		return false
	}
}

func (p *Proxy) close() {
	_ = p.listener.Close() // nobody else closes it
	p.Cut()
	p.serving.Wait()
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.count.connections.Add(1)
		if p.refuses.Load() {
			reset(client)
			continue
		}
		p.serving.Go(func() { p.serve(client) })
	}
}
