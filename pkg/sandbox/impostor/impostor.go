// Package impostor has servers on loopback that greet a client as a MySQL, a PostgreSQL or a NATS of any version, for tests of what
// is refused. They answer what a client asks before it knows the version, hold no data, and accept any password.
package impostor

import (
	"net"
	"testing"

	"golang.org/x/sync/errgroup"
)

// listen accepts connections until t ends, hands each to serve, and returns its address.
func listen(t testing.TB, serve func(net.Conn)) string {
	t.Helper()
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("listen on loopback: %v", err)
	}
	var group errgroup.Group
	group.Go(func() error {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return nil //nolint:nilerr // it was closed
			}
			group.Go(func() error {
				defer func() { _ = conn.Close() }() // what is to be said was said
				serve(conn)
				return nil
			})
		}
	})
	t.Cleanup(func() { _ = listener.Close() }) // whoever is connected leaves with its process
	return listener.Addr().String()
}

// Nobody returns an address on loopback at which nobody listens.
func Nobody(t testing.TB) string {
	t.Helper()
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("find a free port: %v", err)
	}
	defer func() { _ = listener.Close() }() // it took no connection
	return listener.Addr().String()
}
