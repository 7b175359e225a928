package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	startLimit = 2 * time.Minute // crash recovery included
	killLimit  = 10 * time.Second
	probeEvery = 10 * time.Millisecond
	logTail    = 2000 // bytes of a server's log that an error quotes
)

// server is what the three kinds of server have in common: a home, a port and the process that runs now.
type server struct {
	kind  string
	home  *home
	port  int
	death syscall.Signal // what the kernel sends when we die
	fast  syscall.Signal // ends it in good order
	abort syscall.Signal // ends it at once

	setUp   func() error                    // before each start; may be nil
	command func() *exec.Cmd                // a new command for each start
	probe   func(ctx context.Context) error // nil once the server answers
	killed  func()                          // cleans up what a SIGKILL leaves outside of the home

	mu   sync.Mutex
	proc *process
}

// PID is the process id of the running server, 0 when it is stopped.
func (s *server) PID() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.running() {
		return 0
	}
	return s.proc.pid()
}

// Port is the loopback port, the same after each restart.
func (s *server) Port() int { return s.port }

// Dir is the directory that holds the server's data and its log; Close removes it.
func (s *server) Dir() string { return s.home.path }

// Kill sends SIGKILL to the server and its children and returns when they are gone. The data stays for Restart.
func (s *server) Kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.running() {
		return
	}
	// A stopped parent makes no new children while they are listed.
	s.proc.signal(syscall.SIGSTOP)
	orphans := children(s.proc.pid())
	s.proc.signal(syscall.SIGKILL)
	<-s.proc.done
	for _, pid := range orphans {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	_ = awaitGone(orphans, killLimit) // what the kernel does not let go of is not ours to wait for
	s.killed()
}

// Stop ends the server in good order, or at once when immediate, and returns when it is gone. The data stays for
// Restart. When ctx ends first the server is killed and ctx's error returned.
func (s *server) Stop(ctx context.Context, immediate bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.running() {
		return nil
	}
	if immediate {
		s.proc.signal(s.abort)
	} else {
		s.proc.signal(s.fast)
	}
	select {
	case <-s.proc.done:
		return nil
	case <-ctx.Done():
		s.proc.signal(syscall.SIGKILL)
		<-s.proc.done
		s.killed()
		return fmt.Errorf("stop %s: %w", s.kind, context.Cause(ctx))
	}
}

// Restart starts a server that was stopped or killed, or stops and starts one that runs, on the same data and the same
// port, and returns when it answers.
func (s *server) Restart(ctx context.Context) error {
	if err := s.Stop(ctx, false); err != nil {
		return err
	}
	return s.start(ctx)
}

// Close ends the server at once and removes its data. It may be called more than once.
func (s *server) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	return errors.Join(s.Stop(ctx, true), s.home.remove())
}

func (s *server) running() bool {
	if s.proc == nil {
		return false
	}
	select {
	case <-s.proc.done:
		return false
	default:
		return true
	}
}

func (s *server) start(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	ctx, cancel := context.WithTimeoutCause(ctx, startLimit, fmt.Errorf("no answer within %s", startLimit))
	defer cancel()
	log, err := os.OpenFile(s.logPath(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open the log of %s: %w", s.kind, err)
	}
	defer func() { _ = log.Close() }() // the server has its own
	if s.setUp != nil {
		if err := s.setUp(); err != nil {
			return err
		}
	}
	cmd := s.command()
	cmd.Dir, cmd.Stdout, cmd.Stderr = s.home.path, log, log
	if s.proc, err = startProcess(cmd, s.death); err != nil {
		return err
	}
	if err := s.awaitReady(ctx); err != nil {
		s.proc.signal(s.abort)
		<-s.proc.done
		return fmt.Errorf("start %s on port %d: %w; its log ends:\n%s", s.kind, s.port, err, s.tail())
	}
	return nil
}

func (s *server) awaitReady(ctx context.Context) error {
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	for {
		last := s.probe(ctx)
		if last == nil {
			return nil
		}
		select {
		case <-s.proc.done:
			return errors.New("it ended at once")
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), last)
		case <-tick.C:
		}
	}
}

func (s *server) logPath() string { return filepath.Join(s.home.path, "log") }

func (s *server) tail() string {
	text, err := os.ReadFile(s.logPath())
	if err != nil {
		return err.Error()
	}
	if len(text) > logTail {
		text = text[len(text)-logTail:]
	}
	return strings.TrimSpace(string(text))
}

// awaitGone waits for processes that are not our children: nothing tells us of their end.
func awaitGone(pids []int, limit time.Duration) error {
	tick, late := time.NewTicker(probeEvery), time.After(limit)
	defer tick.Stop()
	for _, pid := range pids {
		for alive(pid) {
			select {
			case <-tick.C:
			case <-late:
				return fmt.Errorf("process %d is still there after %s", pid, limit)
			}
		}
	}
	return nil
}

// startOnFreePort tries another port when somebody else takes the first between the draw and the start.
func (s *server) startOnFreePort(ctx context.Context) error {
	for {
		port, err := freePort()
		if err != nil {
			return err
		}
		s.port = port
		err = s.start(ctx)
		if err == nil || ctx.Err() != nil || portFree(port) {
			return err
		}
	}
}
