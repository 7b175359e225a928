package sandbox

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
)

// natsEnv makes a test binary a NATS server; its value is the path of its configuration.
const natsEnv = "REHOME_SANDBOX_NATS"

// greetLimit is how long a NATS server may take to greet a client.
const greetLimit = 2 * time.Second

// NATSOptions shape a NATS server. The zero value is a lone one.
type NATSOptions struct {
	// Store is where JetStream keeps what it has, a directory that is there; empty is one in the server's own.
	Store string
	// MaxStore is the most bytes that JetStream lets streams reserve; 0 is what the server makes of the free disk.
	MaxStore int64
	// Extra is appended to the server's configuration, in its language.
	Extra string
}

// NATSServer is a NATS server in a process of its own: loopback, token, JetStream in a file store that is synced on
// each write.
type NATSServer struct {
	server
	name  string
	token string
	opts  NATSOptions
}

// NATS starts a NATS server of t's own and removes it when t ends. The test binary itself is the server, in a second
// process: the package's TestMain must call Main.
func NATS(t testing.TB) *NATSServer {
	t.Helper()
	return NATSWith(t, NATSOptions{})
}

// NATSWith is NATS for a server of another shape.
func NATSWith(t testing.TB, opts NATSOptions) *NATSServer {
	t.Helper()
	n, err := newNATS("sandbox", rand.Text(), opts)
	if err == nil {
		err = n.startOnFreePort(t.Context())
	}
	if n != nil {
		t.Cleanup(func() { closeNATS(t, n) })
	}
	if err != nil {
		t.Fatalf("start a NATS server for this test: %v", err)
	}
	return n
}

func closeNATS(t testing.TB, n *NATSServer) {
	t.Helper()
	if err := n.Close(); err != nil {
		t.Errorf("close NATS server %s: %v", n.name, err)
	}
}

// Name is the server's name, as a cluster tells who leads.
func (n *NATSServer) Name() string { return n.name }

// URL is where clients connect, token included.
func (n *NATSServer) URL() string { return "nats://" + n.token + "@" + loopback(n.port) }

// Lose removes all that JetStream has kept. The server must not run.
func (n *NATSServer) Lose() error {
	entries, err := os.ReadDir(n.store())
	for _, entry := range entries {
		err = errors.Join(err, os.RemoveAll(filepath.Join(n.store(), entry.Name())))
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("lose the store of NATS server %s: %w", n.name, err)
	}
	return nil
}

// Choke makes every write fail that makes a file longer, as on a full disk, until the server is restarted. It is for those who may not
// mount a SmallDisk.
func (n *NATSServer) Choke() error {
	if err := limitFiles(n.PID()); err != nil {
		return fmt.Errorf("keep NATS server %s from writing: %w", n.name, err)
	}
	return nil
}

func (n *NATSServer) store() string {
	if n.opts.Store != "" {
		return n.opts.Store
	}
	return filepath.Join(n.home.path, "store")
}

// newNATS makes a server that startOnFreePort then starts.
func newNATS(name, token string, opts NATSOptions) (*NATSServer, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	dir, err := newHome("")
	if err != nil {
		return nil, err
	}
	n := &NATSServer{name: name, token: token, opts: opts}
	n.server = server{
		kind: "NATS", home: dir,
		death: syscall.SIGKILL, fast: syscall.SIGTERM, abort: syscall.SIGKILL,
		probe: n.greets, killed: func() {}, setUp: n.configure,
	}
	n.command = func() *exec.Cmd {
		cmd := exec.Command(program)
		cmd.Env = append(os.Environ(), natsEnv+"="+n.config())
		return cmd
	}
	return n, nil
}

func (n *NATSServer) config() string { return filepath.Join(n.home.path, "nats.conf") }

// configure writes the configuration, once the port is known. It holds the token, which no argument may.
func (n *NATSServer) configure() error {
	limit := ""
	if n.opts.MaxStore > 0 {
		limit = fmt.Sprintf(", max_file_store: %d", n.opts.MaxStore)
	}
	text := fmt.Sprintf("server_name: %q\nlisten: %q\nauthorization: {token: %q}\njetstream: {store_dir: %q, sync_interval: always%s}\n%s",
		n.name, loopback(n.port), n.token, n.store(), limit, n.opts.Extra)
	if err := os.WriteFile(n.config(), []byte(text), 0o600); err != nil {
		return fmt.Errorf("write the configuration of NATS server %s: %w", n.name, err)
	}
	return nil
}

// greets waits for the INFO line that a server sends first; JetStream is recovered by then.
func (n *NATSServer) greets(ctx context.Context) error {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp4", loopback(n.port))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // nothing is written to it
	// One that has let a client in may be too early to speak to it, and never does so later.
	if err := conn.SetReadDeadline(time.Now().Add(greetLimit)); err != nil {
		return err
	}
	_, err = conn.Read(make([]byte, 1))
	return err
}

// serveNATS runs the server until the process is told to end, and returns the exit status.
func serveNATS(config string) int {
	if err := runNATS(config); err != nil {
		fmt.Fprintf(os.Stderr, "serve NATS: %v\n", err)
		return 1
	}
	return 0
}

func runNATS(config string) error {
	opts, err := natsserver.ProcessConfigFile(config)
	if err != nil {
		return err
	}
	srv, err := natsserver.NewServer(opts)
	if err != nil {
		return err
	}
	srv.ConfigureLogger()
	srv.Start()
	srv.WaitForShutdown()
	return nil
}
