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
	"strconv"
	"strings"
	"syscall"
	"testing"

	natsserver "github.com/nats-io/nats-server/v2/server"
)

// natsEnv makes a test binary a NATS server; its value is DIRECTORY:PORT.
const natsEnv = "REHOME_SANDBOX_NATS"

// NATSServer is a NATS server in a process of its own: loopback, token, JetStream in a file store that is synced on
// each write.
type NATSServer struct {
	server
	token string
}

// NATS starts a NATS server of t's own and removes it when t ends. The test binary itself is the server, in a second
// process: the package's TestMain must call Main.
func NATS(t testing.TB) *NATSServer {
	t.Helper()
	n, err := startNATS(t.Context())
	if err != nil {
		t.Fatalf("start a NATS server for this test: %v", err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Errorf("close the NATS server: %v", err)
		}
	})
	return n
}

// URL is where clients connect, token included.
func (n *NATSServer) URL() string { return "nats://" + n.token + "@" + loopback(n.port) }

func startNATS(ctx context.Context) (*NATSServer, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	dir, err := newHome("")
	if err != nil {
		return nil, err
	}
	n := &NATSServer{token: rand.Text()}
	n.server = server{
		kind: "NATS", home: dir,
		death: syscall.SIGKILL, fast: syscall.SIGTERM, abort: syscall.SIGKILL,
		probe: n.greets, killed: func() {},
	}
	n.command = func() *exec.Cmd {
		cmd := exec.Command(program)
		cmd.Env = append(os.Environ(), natsEnv+"="+dir.path+":"+strconv.Itoa(n.port))
		return cmd
	}
	if err := os.WriteFile(tokenPath(dir.path), []byte(n.token), 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("write the NATS token: %w", err), dir.remove())
	}
	if err := n.startOnFreePort(ctx); err != nil {
		return nil, errors.Join(err, dir.remove())
	}
	return n, nil
}

// greets waits for the INFO line that a server sends first; JetStream is recovered by then.
func (n *NATSServer) greets(ctx context.Context) error {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp4", loopback(n.port))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // nothing is written to it
	_, err = conn.Read(make([]byte, 1))
	return err
}

func tokenPath(dir string) string { return filepath.Join(dir, "token") }

// serveNATS runs the server until the process is told to end, and returns the exit status.
func serveNATS(where string) int {
	cut := strings.LastIndex(where, ":")
	port, err := strconv.Atoi(where[cut+1:])
	if err == nil {
		err = runNATS(where[:max(cut, 0)], port)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "serve NATS: %v\n", err)
		return 1
	}
	return 0
}

func runNATS(dir string, port int) error {
	token, err := os.ReadFile(tokenPath(dir))
	if err != nil {
		return err
	}
	srv, err := natsserver.NewServer(&natsserver.Options{
		ServerName: "sandbox", Host: "127.0.0.1", Port: port, Authorization: string(token),
		JetStream: true, StoreDir: filepath.Join(dir, "store"), SyncAlways: true,
	})
	if err != nil {
		return err
	}
	srv.ConfigureLogger()
	srv.Start()
	srv.WaitForShutdown()
	return nil
}
