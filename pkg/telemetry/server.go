package telemetry

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"
)

// stopTimeout is how long an answer under way may take once the server is to stop.
const stopTimeout = 2 * time.Second

// Server answers HTTP requests on one address.
type Server struct {
	listener net.Listener
	http     *http.Server
}

// Listen takes address (HOST:PORT, port 0 for any free one), so that one in use is known before any work begins. Serve
// answers, and closes it.
func Listen(ctx context.Context, address string, handler http.Handler) (*Server, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", address, err)
	}
	return &Server{listener: listener, http: &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
	}}, nil
}

// ListenHealth is Listen for health and metrics, whose error says which setting has named the address: it may stand in the environment for
// another program of the same machine.
func ListenHealth(ctx context.Context, address string, handler http.Handler) (*Server, error) {
	server, err := Listen(ctx, address, handler)
	if err != nil {
		return nil, fmt.Errorf("answer for health and metrics: %w; REHOME_HEALTH or --health says where, and each process of a machine needs an address of its own", err)
	}
	return server, nil
}

// Encrypt has requests answered by TLS alone, as config says. Call it before Serve.
func (s *Server) Encrypt(config *tls.Config) { s.http.TLSConfig = config }

// Address returns HOST:PORT as it was taken.
func (s *Server) Address() string { return s.listener.Addr().String() }

// Serve answers requests until ctx ends, then lets those under way finish, for at most two seconds. It returns nil when
// ctx was the reason to stop.
func (s *Server) Serve(ctx context.Context) error {
	group, serving := errgroup.WithContext(ctx)
	group.Go(func() error {
		serve := s.http.Serve
		if s.http.TLSConfig != nil {
			serve = func(l net.Listener) error { return s.http.ServeTLS(l, "", "") }
		}
		if err := serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve on %s: %w", s.Address(), err)
		}
		return nil
	})
	group.Go(func() error {
		<-serving.Done()
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		if err := s.http.Shutdown(stopping); err != nil {
			return s.http.Close()
		}
		return nil
	})
	return group.Wait()
}
