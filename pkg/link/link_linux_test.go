package link

import (
	"net"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

func TestDial(t *testing.T) {
	t.Run("a connection whose other end is out of reach fails within the time of silence", func(t *testing.T) {
		conn := dial(t, "tcp", "127.0.0.1:0")
		raw, err := conn.(*net.TCPConn).SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		option := func(level, name int) (value int) {
			t.Helper()
			if err := raw.Control(func(fd uintptr) { value, err = syscall.GetsockoptInt(int(fd), level, name) }); err != nil {
				t.Fatal(err)
			}
			if err != nil {
				t.Fatal(err)
			}
			return value
		}
		if got := time.Duration(option(syscall.IPPROTO_TCP, userTimeout)) * time.Millisecond; got != Silence {
			t.Errorf("what was sent has to be confirmed within %s, want %s", got, Silence)
		}
		if option(syscall.SOL_SOCKET, syscall.SO_KEEPALIVE) == 0 {
			t.Error("nothing probes the connection")
		}
		idle, every, count := option(syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE), option(syscall.IPPROTO_TCP, syscall.TCP_KEEPINTVL),
			option(syscall.IPPROTO_TCP, syscall.TCP_KEEPCNT)
		if got := time.Duration(idle+every*count) * time.Second; got != Silence {
			t.Errorf("a silent connection is given up after %s, want %s", got, Silence)
		}
	})
	t.Run("a socket is dialled as it is", func(t *testing.T) {
		dial(t, "unix", filepath.Join(t.TempDir(), "socket"))
	})
}

func dial(t *testing.T, network, address string) net.Conn {
	t.Helper()
	listener, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	conn, err := Dial(t.Context(), network, listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}
