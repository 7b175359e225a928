package main_test

import (
	"context"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"rehome/pkg/sandbox"
)

// strike begins a fault and returns what ends it.
func (s *siege) strike(f fault) (undo func()) {
	s.Helper()
	switch f.kind {
	case killed, frozen:
		return s.strikeProgram(f)
	case targetKilled:
		// Immediate shutdown, which recovers as after a crash.
		s.must(s.estate.Target.Stop(s.ctx, true))
		return func() { s.must(s.estate.Target.Restart(s.anyhow())) }
	case legacyKilled:
		s.estate.Legacy.Kill()
		return func() { s.must(s.estate.Legacy.Restart(s.anyhow())) }
	case clockJumps:
		s.must(s.estate.clock.Set(f.shift))
		return func() { s.must(s.estate.clock.Set(0)) }
	case natsKilled, natsLost, diskFull, leaderLost, majorityLost:
		return s.strikeNATS(f)
	}
	return s.strikeLink(f)
}

// anyhow is for what has to be done when a siege has failed, too: the next one has the same servers.
func (s *siege) anyhow() context.Context { return context.WithoutCancel(s.ctx) }

func (s *siege) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *siege) strikeProgram(f fault) (undo func()) {
	m := s.staff[slices.IndexFunc(s.staff, func(m *member) bool { return m.name == f.on })]
	select {
	case <-m.now.Done():
		return func() {}
	default:
	}
	if f.kind == killed {
		m.now.Kill()
		return func() {}
	}
	p := m.now
	p.Freeze()
	return p.Continue
}

func (s *siege) strikeNATS(f fault) (undo func()) {
	s.Helper()
	back := func(servers ...*sandbox.NATSServer) func() {
		return func() {
			for _, n := range servers {
				s.must(n.Restart(s.anyhow()))
			}
		}
	}
	switch f.kind {
	case diskFull:
		if s.small == nil {
			s.must(s.nats[0].Choke())
		} else {
			s.must(s.small.Fill())
		}
		return func() { // as the runbook has it
			if s.small != nil {
				s.must(s.small.Free())
			}
			s.must(s.nats[0].Restart(s.anyhow()))
		}
	case leaderLost:
		n := s.leader()
		n.Kill()
		return back(n)
	case majorityLost:
		s.nats[0].Kill()
		s.nats[2].Kill()
		return back(s.nats[2], s.nats[0])
	}
	n := s.nats[0]
	n.Kill()
	if f.kind == natsLost {
		s.lost = true
		s.must(n.Lose())
	}
	return back(n)
}

func (s *siege) strikeLink(f fault) (undo func()) {
	links := s.links[f.on]
	each := func(do func(*sandbox.Proxy)) {
		for _, p := range links {
			do(p)
		}
	}
	switch f.kind {
	case linkCut:
		each(func(p *sandbox.Proxy) { p.Cut() })
	case linkCutAfter:
		each(func(p *sandbox.Proxy) { p.CutAfter(f.size) })
	case linkSlow:
		each(func(p *sandbox.Proxy) { p.SetLatency(f.shift) })
	case linkNarrow:
		each(func(p *sandbox.Proxy) { p.Limit(int(f.size)) })
	case linkHeld:
		each(func(p *sandbox.Proxy) { p.Hold() })
	case linkRefused:
		each(func(p *sandbox.Proxy) { p.Refuse(true) })
	}
	return func() {
		each(func(p *sandbox.Proxy) {
			p.Heal()
			p.SetLatency(siegeLatency)
		})
	}
}

// leader is the server that leads the stream of tasks, or any where none is known to.
func (s *siege) leader() *sandbox.NATSServer {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.ctx, time.Second) // a cluster without a leader does not answer
	defer cancel()
	name, err := streamLeader(ctx, s.nats[0].URL())
	for _, n := range s.nats {
		if err == nil && n.Name() == name {
			return n
		}
	}
	return s.nats[1]
}

func streamLeader(ctx context.Context, url string) (name string, err error) {
	nc, err := nats.Connect(url)
	if err != nil {
		return "", err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return "", err
	}
	stream, err := js.Stream(ctx, "REHOME_COMMUNITY_SHARDS")
	if err != nil || stream.CachedInfo().Cluster == nil {
		return "", err
	}
	return stream.CachedInfo().Cluster.Leader, nil
}
