package dashboard

import (
	"encoding/json"
	"net/http"
	"reflect"
	"time"
)

const (
	mostStreams   = 100              // clients that are told what happens, at once
	streamsWithin = 10 * time.Second // how long a client may take for one event before it is dropped
	commentEvery  = 15 * time.Second
	sightEvery    = 5 * time.Second // how often a sight is told in which nothing but ages has changed
)

// A stream tells one client what happens. It takes what there is when it can: who is slow misses what was between, and holds up nobody.
type stream struct {
	d       *Dashboard
	w       http.ResponseWriter
	r       *http.Request
	control *http.ResponseController

	last    Sight     // that was told
	told    time.Time // when
	seen    int       // as in current
	point   time.Time // the newest of the history that was told
	trouble string
	signed  bool
	begun   bool // the version of the map was told
	epoch   string
	version int
	deaths  int64
}

// events streams what happens until the client or the dashboard goes.
func (d *Dashboard) events(w http.ResponseWriter, r *http.Request) {
	if !d.crowd.enter(mostStreams) {
		fail(w, r, unavailable("watch the migration: %d clients are watching already; close one", mostStreams))
		return
	}
	defer d.crowd.leave()
	s := &stream{d: d, w: w, r: r, control: http.NewResponseController(w)}
	_ = s.control.SetReadDeadline(time.Time{}) // nothing more is read; where that cannot be said there is no deadline
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // what a proxy holds back is of no use
	comment := time.NewTicker(commentEvery)
	defer comment.Stop()
	err := s.write("retry: 2000\n\n")
	for err == nil {
		d.mu.Lock()
		news := d.changed
		d.mu.Unlock()
		if err = s.tell(); err != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-d.closing:
			_ = s.event("closing", struct{}{}) // the connection ends either way
			return
		case <-comment.C:
			err = s.write(": still here\n\n")
		case <-news:
		}
	}
}

// tell tells what is new.
func (s *stream) tell() error {
	d := s.d
	d.mu.Lock()
	now, drawing := d.current, d.current.drawing
	o := Overview{Sight: now.Sight, History: d.past.since(s.point), Actions: d.actions(s.r)}
	d.mu.Unlock()
	if !o.Actions.SignedIn && !d.config.Access.open() && d.sessions.admit(s.r) != nil {
		return errSignIn // the session has ended
	}
	if now.trouble != s.trouble {
		s.trouble = now.trouble
		if err := s.event("trouble", map[string]string{"error": now.trouble}); err != nil || now.trouble != "" {
			return err
		}
	}
	if now.seen != s.seen && s.news(&o) {
		if err := s.event("overview", o); err != nil {
			return err
		}
		s.last, s.told, s.signed = o.Sight, time.Now(), o.Actions.SignedIn
		if n := len(o.History); n > 0 {
			s.point = o.History[n-1].At
		}
	}
	s.seen = now.seen
	return s.shards(drawing)
}

// news reports whether a sight tells anything else than the one before.
func (s *stream) news(o *Overview) bool {
	if time.Since(s.told) >= sightEvery || o.Actions.SignedIn != s.signed {
		return true
	}
	return !reflect.DeepEqual(ageless(o.Sight), ageless(s.last))
}

// ageless is a sight without what passes by itself.
func ageless(s Sight) Sight {
	s.At = time.Time{}
	s.Verdict.At = nil
	s.Progress.Controls.Left = 0
	s.Rate = Rate{}
	workers := append([]Worker{}, s.Workers...)
	for i := range workers {
		workers[i].Age = 0
		workers[i].Shards = append([]HeldShard{}, workers[i].Shards...)
		for j := range workers[i].Shards {
			workers[i].Shards[j].Seconds = 0
		}
	}
	s.Workers = workers
	return s
}

// shards tells what has changed on the map.
func (s *stream) shards(g *drawing) error {
	if g == nil {
		return nil
	}
	var list []ShardChanges
	switch {
	case !s.begun || s.epoch != g.Epoch:
		list = []ShardChanges{{Epoch: g.Epoch, Version: g.Version, Changes: []ShardChange{}}}
	case s.version != g.Version:
		list = g.behind(s.version)
	}
	for _, c := range list {
		if err := s.event("shards", c); err != nil {
			return err
		}
	}
	deaths := s.begun && s.deaths != g.deaths
	s.begun, s.epoch, s.version, s.deaths = true, g.Epoch, g.Version, g.deaths
	if deaths {
		return s.event("dead", struct{}{})
	}
	return nil
}

func (s *stream) event(name string, data any) error {
	text, err := json.Marshal(data)
	if err != nil {
		return err
	}
	return s.write("event: " + name + "\ndata: " + string(text) + "\n\n")
}

// write sends a text at once. A client that does not take it in time is dropped.
func (s *stream) write(text string) error {
	if err := s.control.SetWriteDeadline(time.Now().Add(streamsWithin)); err != nil {
		return err
	}
	if _, err := s.w.Write([]byte(text)); err != nil {
		return err
	}
	return s.control.Flush()
}
