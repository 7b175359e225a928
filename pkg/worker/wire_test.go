package worker

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// A wire is a link to a server on which the round trips are told apart: what a client says before it has to wait for an answer is one.
type wire struct {
	dsn string // of what is behind it

	mu    sync.Mutex
	trips []string // what the client asked for
}

// A speech is one connection's protocol. Its methods are called with the wire locked.
type speech interface {
	// ask reads one message of the client and returns its bytes, and what it asks for where it is the first of a new round trip.
	ask(client *bufio.Reader) (message []byte, trip string, err error)
	// answer notes what the server says.
	answer(message []byte)
}

// newWire opens a link to the server of a DSN. It ends with the test.
func newWire(t testing.TB, dsn string) *wire {
	t.Helper()
	where, err := url.Parse(dsn)
	if err != nil {
		t.Fatal("the DSN is not a URL")
	}
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w, backend, scheme := &wire{}, where.Host, where.Scheme
	where.Host = listener.Addr().String()
	w.dsn = where.String()
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { w.serve(client, backend, spoken(scheme)) })
		}
	})
	t.Cleanup(func() { listener.Close(); serving.Wait() })
	return w
}

func spoken(scheme string) speech {
	switch scheme {
	case "mysql":
		return mysqlSpeech{}
	case "nats":
		return natsSpeech{}
	}
	return &postgresSpeech{known: map[string]string{}, ready: true}
}

func (w *wire) serve(client net.Conn, backend string, s speech) {
	defer client.Close()
	server, err := net.Dial("tcp4", backend)
	if err != nil {
		return
	}
	var answers sync.WaitGroup
	answers.Go(func() {
		defer client.Close()
		buffer := make([]byte, 64<<10)
		for {
			n, err := server.Read(buffer)
			if err != nil {
				return
			}
			w.mu.Lock()
			s.answer(buffer[:n])
			w.mu.Unlock()
			if _, err := client.Write(buffer[:n]); err != nil {
				return
			}
		}
	})
	from := bufio.NewReaderSize(client, 64<<10)
	for {
		if _, err := from.Peek(1); err != nil {
			break
		}
		message, trip, err := s.ask(from)
		if err != nil {
			break
		}
		if trip != "" {
			w.mu.Lock()
			w.trips = append(w.trips, trip)
			w.mu.Unlock()
		}
		if _, err := server.Write(message); err != nil {
			break
		}
	}
	server.Close()
	answers.Wait()
}

// taken returns the round trips since the last time.
func (w *wire) taken() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := w.trips
	w.trips = nil
	return out
}

// brief is the beginning of a statement in one line.
func brief(sql []byte) string {
	text := strings.Join(strings.Fields(string(sql)), " ")
	return text[:min(len(text), 100)]
}

// mysqlSpeech: a packet is three bytes of length, a number that a new command starts at 0, and the body.
type mysqlSpeech struct{}

var mysqlCommands = map[byte]string{1: "quit", 3: "query", 14: "ping", 22: "prepare", 23: "execute", 24: "", 25: "", 26: "reset", 31: "reset connection"}

func (mysqlSpeech) ask(client *bufio.Reader) (message []byte, trip string, err error) {
	head := make([]byte, 4)
	if _, err := io.ReadFull(client, head); err != nil {
		return nil, "", err
	}
	body := make([]byte, int(head[0])|int(head[1])<<8|int(head[2])<<16)
	if _, err := io.ReadFull(client, body); err != nil {
		return nil, "", err
	}
	if head[3] == 0 && len(body) > 0 {
		what, known := mysqlCommands[body[0]]
		switch {
		case !known:
			trip = fmt.Sprintf("command %d", body[0])
		case body[0] == 3, body[0] == 22:
			trip = what + " " + brief(body[1:])
		default:
			trip = what // that of a command without an answer is empty
		}
	}
	return append(head, body...), trip, nil
}

func (mysqlSpeech) answer([]byte) {}

// natsSpeech: what is published with a place for the answer is asked for.
type natsSpeech struct{}

func (natsSpeech) ask(client *bufio.Reader) (message []byte, trip string, err error) {
	line, err := client.ReadBytes('\n')
	if err != nil {
		return nil, "", err
	}
	words := strings.Fields(string(line))
	switch words[0] {
	case "PUB", "HPUB":
		size, err := strconv.Atoi(words[len(words)-1])
		if err != nil {
			return nil, "", err
		}
		body := make([]byte, size+2)
		if _, err := io.ReadFull(client, body); err != nil {
			return nil, "", err
		}
		line = append(line, body...)
		if len(words) == map[string]int{"PUB": 4, "HPUB": 5}[words[0]] {
			trip = words[1]
		}
	}
	return line, trip, nil
}

func (natsSpeech) answer([]byte) {}

// postgresSpeech: a message is a type, a length that counts itself, and a body; the server says when it is ready for more.
type postgresSpeech struct {
	known   map[string]string // prepared statements
	started bool
	rest    []byte // of the server's newest message that has not come in full
	ready   bool
}

func (p *postgresSpeech) ask(client *bufio.Reader) (message []byte, trip string, err error) {
	head := make([]byte, 4, 5)
	if p.started {
		head = head[:5]
	}
	if _, err := io.ReadFull(client, head); err != nil {
		return nil, "", err
	}
	body := make([]byte, binary.BigEndian.Uint32(head[len(head)-4:])-4)
	if _, err := io.ReadFull(client, body); err != nil {
		return nil, "", err
	}
	message = append(head, body...)
	if !p.started {
		p.started = true
		return message, "", nil
	}
	kind := head[0]
	what := p.asks(kind, body)
	if slices.Contains([]byte("QPBD"), kind) && p.isReady() {
		return message, what, nil
	}
	return message, "", nil
}

// isReady reports whether the server waits for us, and takes its readiness.
func (p *postgresSpeech) isReady() bool {
	was := p.ready
	p.ready = false
	return was
}

func (p *postgresSpeech) asks(kind byte, body []byte) string {
	switch kind {
	case 'Q':
		return brief(bytes.TrimRight(body, "\x00"))
	case 'P':
		name, rest, _ := bytes.Cut(body, []byte{0})
		sql, _, _ := bytes.Cut(rest, []byte{0})
		p.known[string(name)] = brief(sql)
		return "prepare " + brief(sql)
	case 'B':
		_, rest, _ := bytes.Cut(body, []byte{0})
		name, _, _ := bytes.Cut(rest, []byte{0})
		return p.known[string(name)]
	}
	return "describe"
}

func (p *postgresSpeech) answer(message []byte) {
	p.rest = append(p.rest, message...)
	for len(p.rest) >= 5 {
		size := 1 + int(binary.BigEndian.Uint32(p.rest[1:]))
		if len(p.rest) < size {
			return
		}
		if p.rest[0] == 'Z' {
			p.ready = true
		}
		p.rest = p.rest[size:]
	}
	p.rest = slices.Clone(p.rest)
}
