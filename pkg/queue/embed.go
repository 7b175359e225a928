package queue

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
)

const (
	storeLimit  = 4 << 30   // of all streams on disk: a clear refusal instead of a full disk, which stops the server for good
	memoryLimit = 256 << 20 // of readers and the like
	startWait   = 30 * time.Second
)

// A Server is a JetStream server in this process. It serves whoever knows its token, on loopback alone.
type Server struct {
	nats *natsserver.Server
	lock *os.File
	at   address
}

// Embed starts a server that keeps its store under dir, which is made (0700) when it is not there. Every write is on disk before it is
// acknowledged. Where it listens, and its token, stand in dir for Find; a server that starts again takes the same ones if the port
// is still free, so that who is connected finds it again. While another one serves dir, the error is one that InUse knows. The
// caller closes the Server.
func Embed(ctx context.Context, dir string) (*Server, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the queue's directory: %w", err)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return nil, fmt.Errorf("close the queue's directory to others: %w", err)
	}
	lock, err := lockDir(ctx, dir)
	if err != nil {
		return nil, fmt.Errorf("embed a NATS server: %w", err)
	}
	s := &Server{lock: lock}
	if err := s.start(ctx, dir); err != nil {
		s.Close()
		return nil, fmt.Errorf("embed a NATS server in %s: %w", dir, err)
	}
	return s, nil
}

func (s *Server) start(ctx context.Context, dir string) error {
	old, _ := readAddress(dir) // one that cannot be read is replaced
	s.at = address{token: old.token, port: old.port}
	if s.at.token == "" {
		s.at.token = rand.Text()
	}
	if !free(ctx, s.at.port) {
		s.at.port = natsserver.RANDOM_PORT
	}
	log := &serverLog{}
	server, err := natsserver.NewServer(&natsserver.Options{
		ServerName:         "rehome",
		Host:               loopback,
		Port:               s.at.port,
		Authorization:      s.at.token,
		JetStream:          true,
		StoreDir:           dir,
		SyncAlways:         true,
		JetStreamMaxStore:  storeLimit,
		JetStreamMaxMemory: memoryLimit,
		NoSigs:             true,
	})
	if err != nil {
		return err
	}
	server.SetLoggerV2(log, false, false, false)
	s.nats = server
	server.Start()
	if err := log.fatal(); err != nil {
		return err
	}
	wait := startWait
	if end, ok := ctx.Deadline(); ok {
		wait = min(wait, time.Until(end))
	}
	if !server.ReadyForConnections(wait) || !server.JetStreamEnabled() {
		return errors.Join(errors.New("it does not come up"), log.fatal())
	}
	s.at.port = server.Addr().(*net.TCPAddr).Port
	return writeAddress(dir, s.at)
}

// URL returns where the server listens, without its token.
func (s *Server) URL() string { return s.at.url() }

// Token returns what a client has to show. It is not for printing.
func (s *Server) Token() string { return s.at.token }

// Close stops the server. Its store stays.
func (s *Server) Close() {
	if s.nats != nil {
		s.nats.Shutdown()
		s.nats.WaitForShutdown()
	}
	_ = s.lock.Close() // which gives up the lock
}

// Find returns where the server of dir listens and its token, both for Connect; ok is false when none is running there.
func Find(dir string) (url, token string, ok bool) {
	if !served(dir) {
		return "", "", false
	}
	at, err := readAddress(dir)
	if err != nil {
		return "", "", false
	}
	return at.url(), at.token, true
}

// free tells whether the port can be listened on.
func free(ctx context.Context, port int) bool {
	if port <= 0 {
		return false
	}
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", net.JoinHostPort(loopback, strconv.Itoa(port)))
	if err != nil {
		return false
	}
	return listener.Close() == nil
}

// lockPath is held by the process that serves the directory, as long as it lives.
func lockPath(dir string) string { return filepath.Join(dir, "lock") }
