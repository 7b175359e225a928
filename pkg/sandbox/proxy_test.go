package sandbox

import (
	"bufio"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// echo answers each line of each client with the line, and the line "long" with a megabyte.
func echo(t *testing.T) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				for lines := bufio.NewScanner(conn); lines.Scan(); {
					answer := lines.Text()
					if answer == "long" {
						answer = strings.Repeat("x", 1<<20)
					}
					if _, err := io.WriteString(conn, answer+"\n"); err != nil {
						return
					}
				}
			}()
		}
	}()
	return listener.Addr().String()
}

// A caller speaks to the echo over a proxy.
type caller struct {
	*testing.T
	net.Conn
	lines *bufio.Reader
}

func call(t *testing.T, p *Proxy) *caller {
	t.Helper()
	conn, err := net.Dial("tcp4", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &caller{t, conn, bufio.NewReader(conn)}
}

// turnedAway fails the test unless who connects is reset, at once or a little later.
func turnedAway(t *testing.T, p *Proxy) {
	t.Helper()
	conn, err := net.Dial("tcp4", p.Addr())
	if err != nil {
		if !errors.Is(err, syscall.ECONNRESET) {
			t.Error(err)
		}
		return
	}
	defer conn.Close()
	(&caller{t, conn, bufio.NewReader(conn)}).torn()
}

func (c *caller) say(line string) {
	c.Helper()
	if _, err := io.WriteString(c, line+"\n"); err != nil {
		c.Fatal(err)
	}
}

func (c *caller) hears(want string) {
	c.Helper()
	if got, err := c.lines.ReadString('\n'); err != nil || got != want+"\n" {
		c.Fatalf("heard %q (%v), want %q", got, err, want)
	}
}

// torn fails the test unless the connection is reset.
func (c *caller) torn() {
	c.Helper()
	c.SetReadDeadline(time.Now().Add(10 * time.Second))
	if text, err := c.lines.ReadString('\n'); !errors.Is(err, syscall.ECONNRESET) {
		c.Errorf("read %q and %v, want a reset connection", text, err)
	}
}

// silent fails the test if something is heard for a while: that nothing comes cannot be awaited.
func (c *caller) silent() {
	c.Helper()
	c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	if text, err := c.lines.ReadString('\n'); !errors.Is(err, os.ErrDeadlineExceeded) {
		c.Errorf("heard %q (%v) of a connection that is held", text, err)
	}
	c.SetReadDeadline(time.Time{})
}

func TestProxy(t *testing.T) {
	t.Parallel()
	server := echo(t)
	for name, see := range map[string]func(*testing.T, *Proxy){
		"passes everything on, and counts turns and bytes": func(t *testing.T, p *Proxy) {
			c := call(t, p)
			for range 3 {
				c.say("hello")
				c.hears("hello")
			}
			if got, want := p.Traffic(), (Traffic{Connections: 1, Turns: 3, Up: 18, Down: 18}); got != want {
				t.Errorf("traffic %s, want %s", got, want)
			}
		},
		"passes the end of a side on, and the other side stays": func(t *testing.T, p *Proxy) {
			c := call(t, p)
			c.say("bye")
			c.Conn.(*net.TCPConn).CloseWrite()
			c.hears("bye")
			if _, err := c.lines.ReadByte(); err != io.EOF {
				t.Errorf("the end is %v, want EOF", err)
			}
		},
		"delays each direction": func(t *testing.T, p *Proxy) {
			c := call(t, p)
			c.say("quick")
			c.hears("quick")
			p.SetLatency(60 * time.Millisecond)
			start := time.Now()
			c.say("slow")
			c.hears("slow")
			if took := time.Since(start); took < 120*time.Millisecond {
				t.Errorf("a round trip takes %s, want 120ms at least", took)
			}
		},
		"delays a long answer as a whole, not piece by piece": func(t *testing.T, p *Proxy) {
			c := call(t, p)
			p.SetLatency(100 * time.Millisecond)
			start := time.Now()
			c.say("long")
			c.hears(strings.Repeat("x", 1<<20))
			if took := time.Since(start); took > 3*time.Second {
				t.Errorf("a long answer takes %s, want a round trip of 200ms and little more", took)
			}
		},
		"limits the bytes per second": func(t *testing.T, p *Proxy) {
			c := call(t, p)
			p.Limit(2 << 20)
			start := time.Now()
			c.say("long")
			c.hears(strings.Repeat("x", 1<<20))
			if took := time.Since(start); took < 400*time.Millisecond {
				t.Errorf("1 MiB takes %s at 2 MiB/s", took)
			}
		},
		"cuts all connections, and lets new ones in": func(t *testing.T, p *Proxy) {
			one, two := call(t, p), call(t, p)
			for _, c := range []*caller{one, two} {
				c.say("here")
				c.hears("here")
			}
			if cut := p.Cut(); cut != 2 {
				t.Errorf("%d connections are cut, want 2", cut)
			}
			one.torn()
			two.torn()
			three := call(t, p)
			three.say("back")
			three.hears("back")
		},
		"cuts behind the n-th byte, once": func(t *testing.T, p *Proxy) {
			c := call(t, p)
			p.CutAfter(9)
			c.say("hello") // 6, and 3 of the answer
			text, err := c.lines.ReadString('\n')
			if !errors.Is(err, syscall.ECONNRESET) || !strings.HasPrefix("hel", text) {
				t.Errorf("heard %q, %v", text, err)
			}
			if got := p.Traffic(); got.Up+got.Down != 9 {
				t.Errorf("traffic %s, want 9 bytes", got)
			}
			c = call(t, p)
			c.say("again")
			c.hears("again")
		},
		"holds what is said, and passes it on when it is released": func(t *testing.T, p *Proxy) {
			c := call(t, p)
			p.Hold()
			c.say("patience")
			c.silent()
			late := call(t, p)
			late.say("me too")
			late.silent()
			p.Release()
			c.hears("patience")
			late.hears("me too")
		},
		"holds the end of a connection too": func(t *testing.T, p *Proxy) {
			c := call(t, p)
			c.say("one")
			c.hears("one")
			p.Hold()
			c.say("two")
			c.Close()
			if got := p.Traffic(); got.Up != 4 {
				t.Errorf("traffic %s, want 4 bytes up", got)
			}
			p.Release()
			await(t, "the bytes that were held", func() bool { return p.Traffic().Up == 8 })
		},
		"cuts what it held when it is healed": func(t *testing.T, p *Proxy) {
			c := call(t, p)
			c.say("well")
			c.hears("well")
			p.Hold()
			c.say("lost")
			p.Heal()
			c.torn()
			c = call(t, p)
			c.say("healed")
			c.hears("healed")
		},
		"refuses new connections, and keeps those that there are": func(t *testing.T, p *Proxy) {
			c := call(t, p)
			c.say("in")
			c.hears("in")
			p.Refuse(true)
			turnedAway(t, p)
			c.say("still in")
			c.hears("still in")
			p.Refuse(false)
			c = call(t, p)
			c.say("in again")
			c.hears("in again")
		},
		"loses an answer, and the server has heard": func(t *testing.T, p *Proxy) {
			c := call(t, p)
			met := p.Lose("commit", Unanswered)
			c.say("begin")
			c.hears("begin")
			c.say("commit")
			c.torn()
			<-met
			if got := p.Traffic(); got.Up != 13 || got.Down != 6 {
				t.Errorf("traffic %s, want 13 bytes up and 6 down", got)
			}
		},
		"loses a message, and the server has not heard": func(t *testing.T, p *Proxy) { losesCommit(t, p, Unheard, 0) },
		"cuts behind a message":                         func(t *testing.T, p *Proxy) { losesCommit(t, p, CutBehind, 7) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			see(t, NewProxy(t, server))
		})
	}
	t.Run("leads a URL over itself, and resets clients of a server that is gone", func(t *testing.T) {
		t.Parallel()
		gone, err := freePort()
		if err != nil {
			t.Fatal(err)
		}
		p, over := ProxyTo(t, "nats://token@"+loopback(gone)+"/x")
		if want := "nats://token@" + p.Addr() + "/x"; over != want {
			t.Errorf("%s, want %s", over, want)
		}
		turnedAway(t, p)
	})
}

// losesCommit has the proxy meet a COMMIT with the fate, of which so many bytes reach the server, and no answer comes.
func losesCommit(t *testing.T, p *Proxy, fate Fate, up int64) {
	t.Helper()
	c := call(t, p)
	met := p.Lose("commit", fate)
	c.say("commit")
	c.torn()
	<-met
	if got := p.Traffic(); got.Up != up || got.Down != 0 {
		t.Errorf("traffic %s, want %d bytes up and none down", got, up)
	}
}

// await polls for what no event tells.
func await(t *testing.T, what string, reached func() bool) {
	t.Helper()
	for late := time.After(10 * time.Second); !reached(); {
		select {
		case <-late:
			t.Fatalf("waited in vain for %s", what)
		case <-time.After(time.Millisecond):
		}
	}
}
