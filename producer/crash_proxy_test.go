package main_test

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
)

// A fate is what becomes of the next COMMIT on a link.
type fate int32

const (
	arrives    fate = iota
	unanswered      // the server carries it out, and its answer is lost
	unheard         // it never reaches the server, and the link is cut
	cutBehind       // it is sent, and the link is cut at once: nobody can tell
)

// A link is a way to a PostgreSQL server on which a COMMIT, or its answer, can be lost.
type link struct {
	backend string
	dsn     string // of the database behind it
	next    atomic.Int32
	lost    chan struct{} // closed when the COMMIT has met its fate
}

// newLink opens a link to the database of a DSN. It ends with the test.
func newLink(t testing.TB, dsn string) *link {
	t.Helper()
	where, err := url.Parse(dsn)
	if err != nil {
		t.Fatal("the DSN is not a URL")
	}
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &link{backend: where.Host, lost: make(chan struct{})}
	where.Host = listener.Addr().String()
	l.dsn = where.String()
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { l.serve(client) })
		}
	})
	t.Cleanup(func() { listener.Close(); serving.Wait() })
	return l
}

// lose gives the next COMMIT its fate.
func (l *link) lose(f fate) { l.next.Store(int32(f)) }

func (l *link) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp4", l.backend)
	if err != nil {
		return
	}
	var deaf atomic.Bool // what the server says is not passed on any more
	var answers sync.WaitGroup
	answers.Go(func() {
		defer client.Close()
		l.answer(client, server, &deaf)
	})
	l.ask(server, bufio.NewReader(client), &deaf)
	if !deaf.Load() {
		server.Close()
	}
	answers.Wait()
	server.Close()
}

// ask passes the client's messages on: one without a type, then types, lengths that count themselves, and bodies.
func (l *link) ask(server io.Writer, client io.Reader, deaf *atomic.Bool) {
	for typed := 0; ; typed = 1 {
		message := make([]byte, typed+4)
		if _, err := io.ReadFull(client, message); err != nil {
			return
		}
		body := make([]byte, binary.BigEndian.Uint32(message[typed:])-4)
		if _, err := io.ReadFull(client, body); err != nil {
			return
		}
		if typed == 1 && message[0] == 'Q' && string(body) == "commit\x00" {
			switch f := fate(l.next.Swap(int32(arrives))); f {
			case unheard:
				close(l.lost)
				return
			case unanswered, cutBehind:
				deaf.Store(f == unanswered)
				server.Write(append(message, body...))
				if f == cutBehind {
					close(l.lost)
				}
				return
			}
		}
		if _, err := server.Write(append(message, body...)); err != nil {
			return
		}
	}
}

// answer passes the server's bytes on until it is deaf: then the first ones are the answer to COMMIT, and the end of the link.
func (l *link) answer(client io.Writer, server io.Reader, deaf *atomic.Bool) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := server.Read(buffer)
		if n > 0 && deaf.Load() {
			close(l.lost)
			return
		}
		if err != nil {
			return
		}
		if _, err := client.Write(buffer[:n]); err != nil {
			return
		}
	}
}
