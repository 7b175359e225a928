package queue

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"rehome/pkg/shard"
)

// serveEnv makes the test binary a process that embeds a server in the directory it names, until its standard input ends.
const serveEnv = "REHOME_QUEUE_TEST_SERVE"

func TestMain(m *testing.M) {
	if dir := os.Getenv(serveEnv); dir != "" {
		server, err := Embed(context.Background(), dir)
		if err != nil {
			fmt.Fprintln(os.Stdout, "refused:", err)
			os.Exit(1)
		}
		fmt.Fprintln(os.Stdout, "ready")
		_, _ = io.Copy(io.Discard, os.Stdin)
		server.Close()
		os.Exit(0)
	}
	slog.SetDefault(slog.New(slog.DiscardHandler))
	goleak.VerifyTestMain(m)
}

const name, run = "community", "r1"

func id(ordinal int) shard.ID { return shard.ID{Migration: name, Run: run, Ordinal: ordinal} }

func task(ordinal int) shard.Task { return shard.Task{ID: id(ordinal), Mapping: "m", Schema: "s"} }

// embed starts a server in this process.
func embed(t testing.TB) *Server {
	t.Helper()
	server, err := Embed(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	return server
}

// connect connects to a server; a change may alter the options.
func connect(t testing.TB, url, token string, changes ...func(*Options)) *Conn {
	t.Helper()
	o := Options{URL: url, Token: token, Name: t.Name()}
	for _, change := range changes {
		change(&o)
	}
	c, err := Connect(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// declared connects to a new server and declares the migration.
func declared(t testing.TB, changes ...func(*Options)) *Conn {
	t.Helper()
	server := embed(t)
	c := connect(t, server.URL(), server.Token(), changes...)
	declare(t, c)
	return c
}

func declare(t testing.TB, c *Conn) {
	t.Helper()
	if err := c.Declare(t.Context(), name); err != nil {
		t.Fatal(err)
	}
}

func lapseAfter(d time.Duration) func(*Options) { return func(o *Options) { o.ackWait = d } }

func publish(t *testing.T, c *Conn, ordinals ...int) {
	t.Helper()
	for _, n := range ordinals {
		if added, err := c.PublishTask(t.Context(), task(n)); err != nil || !added {
			t.Fatalf("publish task %d: added %v, error %v", n, added, err)
		}
	}
}

func queueOf(t testing.TB, c *Conn) *Tasks {
	t.Helper()
	q, err := c.Tasks(name)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// next takes a task that has to come.
func next(t testing.TB, c *Conn) *Lease {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	lease, err := queueOf(t, c).Next(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return lease
}

func ack(t testing.TB, lease *Lease) {
	t.Helper()
	if err := lease.Ack(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// nothing makes sure that no task comes within the time.
func nothing(t *testing.T, c *Conn, within time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	if lease, err := queueOf(t, c).Next(ctx); err == nil {
		t.Fatalf("task %d came", lease.Task().Ordinal)
	}
}

func backlog(t *testing.T, c *Conn) Backlog {
	t.Helper()
	b, err := c.Backlog(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A process is a server in a process of its own, to be killed.
type process struct {
	dir   string
	cmd   *exec.Cmd
	stdin io.Closer // it lives no longer than we do
}

func startProcess(t *testing.T) *process {
	t.Helper()
	p := &process{dir: t.TempDir()}
	p.start(t)
	t.Cleanup(func() { p.kill(t) })
	return p
}

func (p *process) start(t *testing.T) {
	t.Helper()
	if line := p.launch(t); line != "ready" {
		t.Fatalf("the server's process says %q", line)
	}
}

// launch starts the process and returns the first line that it prints.
func (p *process) launch(t *testing.T) string {
	t.Helper()
	p.cmd = exec.Command(os.Args[0])
	p.cmd.Env = append(os.Environ(), serveEnv+"="+p.dir)
	p.cmd.Stderr = os.Stderr
	stdin, err := p.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.stdin = stdin
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

// kill ends the process without a warning.
func (p *process) kill(t *testing.T) {
	t.Helper()
	if p.cmd.ProcessState != nil {
		return // it is dead already
	}
	if err := p.cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = p.cmd.Wait() // it was killed
}

// wipe takes away all that the server has stored.
func (p *process) wipe(t *testing.T) {
	t.Helper()
	if err := os.RemoveAll(filepath.Join(p.dir, "jetstream")); err != nil {
		t.Fatal(err)
	}
}

func (p *process) connect(t *testing.T, changes ...func(*Options)) *Conn {
	t.Helper()
	url, token, ok := Find(p.dir)
	if !ok {
		t.Fatal("the server is not found in its directory")
	}
	return connect(t, url, token, changes...)
}

// retry calls until it succeeds, as the sweeper does while a server is away.
func retry(t *testing.T, call func() error) {
	t.Helper()
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(20 * time.Second)
	for {
		err := call()
		if err == nil {
			return
		}
		select {
		case <-deadline:
			t.Fatal(err)
		case <-ticker.C:
		}
	}
}
