package dashboard

import (
	"bufio"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

// An event is one that was streamed.
type event struct{ name, data string }

// listen streams the events to the returned channel until the test or the connection ends.
func (s *site) listen(headers ...string) (events <-chan event, close func()) {
	s.Helper()
	ctx, cancel := context.WithCancel(s.Context())
	r, err := http.NewRequestWithContext(ctx, "GET", s.server.URL+"/api/v1/events", nil)
	s.must(err)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := s.server.Client().Do(r) //nolint:bodyclose // whoever reads it closes it
	s.must(err)
	if response.StatusCode != 200 || response.Header.Get("Content-Type") != "text/event-stream" || response.Header.Get("Cache-Control") != "no-store" {
		s.Fatalf("%d %v", response.StatusCode, response.Header)
	}
	out, ended := make(chan event, 1000), make(chan struct{})
	go func() {
		defer func() { _ = response.Body.Close() }()
		defer func() { ended <- struct{}{} }()
		var e event
		lines := bufio.NewScanner(response.Body)
		lines.Buffer(nil, 8<<20)
		for lines.Scan() {
			field, value, _ := strings.Cut(lines.Text(), ": ")
			switch field {
			case "event":
				e.name = value
			case "data":
				e.data = value
			case "":
				if e.name != "" {
					out <- e
				}
				e = event{}
			}
		}
	}()
	return out, func() {
		cancel()
		<-ended
	}
}

// next waits for an event of that name that is as wanted.
func next[T any](s *site, events <-chan event, name string, is func(T) bool) (out T) {
	s.Helper()
	deadline := time.After(20 * time.Second)
	for {
		select {
		case e := <-events:
			var v T
			if e.name != name {
				continue
			}
			s.must(json.Unmarshal([]byte(e.data), &v))
			if is(v) {
				return v
			}
		case <-deadline:
			s.Fatalf("no event %s that is as wanted", name)
		}
	}
}

func TestEvents(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	events, stop := s.listen()
	defer stop()
	first := next(s, events, "overview", func(o Overview) bool { return true })
	if first.Progress.Shards.Pending != 3 || first.Actions.SignedIn {
		t.Errorf("at first %+v, %+v", first.Progress.Shards, first.Actions)
	}
	begin := next(s, events, "shards", func(c ShardChanges) bool { return true })
	drawn := get[ShardMap](s, "/api/v1/shards")
	if len(begin.Changes) != 0 || begin.Version != drawn.Version || begin.Epoch != drawn.Epoch {
		t.Errorf("the stream begins at %+v, the map is of version %d of %s", begin, drawn.Version, drawn.Epoch)
	}
	t.Run("what changes is told without being asked for", func(t *testing.T) {
		s.move(0, 0, "000000001", "000000002")
		change := next(s, events, "shards", func(c ShardChanges) bool { return len(c.Changes) > 0 })
		if diff := cmp.Diff(ShardChanges{begin.Epoch, begin.Version + 1, []ShardChange{{0, 3, 0}}}, change); diff != "" {
			t.Error(diff)
		}
		next(s, events, "overview", func(o Overview) bool { return o.Progress.Shards.Done == 1 })
	})
	t.Run("a death is told, and so is a republish, at once", func(t *testing.T) {
		s.kill(1, 0)
		next(s, events, "dead", func(struct{}) bool { return true })
		if a := s.ask("POST", "/api/v1/dead/republish", `{"ids":["1.0"],"force":true}`, bearer()...); a.status != 200 {
			t.Fatalf("%d %s", a.status, a.body)
		}
		next(s, events, "dead", func(struct{}) bool { return true })
		next(s, events, "overview", func(o Overview) bool { return o.Progress.Shards.Dead == 0 })
	})
	t.Run("the history comes bit by bit", func(t *testing.T) {
		seen := first.History[len(first.History)-1].At
		more := next(s, events, "overview", func(o Overview) bool { return len(o.History) > 0 })
		if !more.History[0].At.After(seen) {
			t.Errorf("%v, after %s", more.History, seen)
		}
	})
	t.Run("who has signed in is told so", func(t *testing.T) {
		events, stop := s.listen(s.signIn()...)
		defer stop()
		next(s, events, "overview", func(o Overview) bool { return o.Actions.SignedIn })
	})
	t.Run("a ledger that cannot be asked is told, and so is that it can be again", func(t *testing.T) {
		s.exec(`ALTER TABLE rehome.worker RENAME TO away`)
		trouble := next(s, events, "trouble", func(map[string]string) bool { return true })
		if !strings.Contains(trouble["error"], "migration shop") {
			t.Errorf("got %v", trouble)
		}
		if a := s.ask("GET", "/api/v1/overview", ""); a.status != 503 {
			t.Errorf("the overview meanwhile: %d", a.status)
		}
		s.exec(`ALTER TABLE rehome.away RENAME TO worker`)
		next(s, events, "trouble", func(now map[string]string) bool { return now["error"] == "" })
	})
}

func TestWhoLooks(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	asked := func() (at time.Time) {
		s.must(s.board.ask(t.Context(), func(_ context.Context, e *eyes) error {
			at = e.looked
			return nil
		}))
		return at
	}
	if !asked().IsZero() {
		t.Error("the ledger is asked while nobody looks")
	}
	_, stop := s.listen()
	s.eventually("the ledger is asked again and again", func() bool {
		before := asked()
		s.eventually("asked", func() bool { return asked().After(before) })
		return true
	})
	stop()
	last := asked()
	s.eventually("nobody asks any more", func() bool {
		at := asked()
		defer func() { last = at }()
		return at.Equal(last) && time.Since(at) > 3*lookEvery
	})
	if time.Since(last) > lingerFor+10*time.Second || s.board.crowd.anybody() {
		t.Error("somebody is still there")
	}
}

func TestTheEnd(t *testing.T) { // not beside others, whose goroutines would be taken for its own
	s := newLedger(t, small())
	before := goleak.IgnoreCurrent()
	t.Run("every stream ends with the dashboard, and nothing is left of them", func(t *testing.T) {
		s := &site{T: t, Ledger: s.Ledger, pool: s.pool, conn: s.conn, run: s.run, holder: s.holder, log: s.log}
		s.serve(s.config())
		var streams []<-chan event
		for range 5 {
			events, stop := s.listen()
			defer stop()
			streams = append(streams, events)
		}
		s.stop()
		for _, events := range streams {
			next(s, events, "closing", func(struct{}) bool { return true })
		}
	})
	goleak.VerifyNone(t, before)
}

// A pipe is a listener with one connection that holds nothing back: who writes waits for who reads.
type pipe struct {
	conns  chan net.Conn
	closed chan struct{}
}

// Accept returns the connection once.
func (p *pipe) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// Close ends Accept.
func (p *pipe) Close() error {
	close(p.closed)
	return nil
}

// Addr is nowhere.
func (p *pipe) Addr() net.Addr { return &net.TCPAddr{} }

// A client that reads nothing is dropped, and nobody waits for it.
func TestSlowClients(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		board, err := New(Config{Access: local()})
		if err != nil {
			t.Fatal(err)
		}
		watchers := func() int {
			board.crowd.mu.Lock()
			defer board.crowd.mu.Unlock()
			return board.crowd.here
		}
		listener := &pipe{conns: make(chan net.Conn, 1), closed: make(chan struct{})}
		server := &http.Server{Handler: board.Handler()}
		ended := make(chan error, 1)
		go func() { ended <- server.Serve(listener) }()
		ours, theirs := net.Pipe()
		listener.conns <- theirs
		if _, err := ours.Write([]byte("GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if watchers() != 1 {
			t.Fatalf("%d are there", watchers())
		}
		began := time.Now()
		for watchers() > 0 && time.Since(began) < time.Hour {
			time.Sleep(time.Second) //nolint:forbidigo // of the bubble's clock, which does not wait
			synctest.Wait()
		}
		if took := time.Since(began); took != streamsWithin {
			t.Errorf("it was dropped after %s", took)
		}
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		<-ended
	})
}

func TestManyClients(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	t.Run("however often they ask, the ledger is asked twice a second at most", func(t *testing.T) {
		began, before := time.Now(), 0
		for n := range 200 {
			get[Overview](s, "/api/v1/overview")
			s.board.mu.Lock()
			if n == 0 {
				before = s.board.current.seen
			}
			s.board.mu.Unlock()
		}
		s.board.mu.Lock()
		defer s.board.mu.Unlock()
		if looks := s.board.current.seen - before; looks > 2+int(2*time.Since(began)/lookEvery) {
			t.Errorf("%d looks in %s", looks, time.Since(began))
		}
	})
	for range mostStreams {
		if !s.board.crowd.enter(mostStreams) {
			t.Fatal("there is no room")
		}
		defer s.board.crowd.leave()
	}
	if a := s.ask("GET", "/api/v1/events", ""); a.status != 503 {
		t.Errorf("one more: %d", a.status)
	}
}
