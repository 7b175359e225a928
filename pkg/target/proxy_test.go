package target

import (
	"encoding/binary"
	"io"
	"net"
	"strconv"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
)

// through returns the configuration of a proxy before the server. As PgBouncer does, it announces process numbers of its own. One that
// pools shows to all sessions the same backend.
func through(t testing.TB, config *pgx.ConnConfig, pools bool) *pgx.ConnConfig {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	backend := net.JoinHostPort(config.Host, strconv.Itoa(int(config.Port)))
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { serve(client, backend, pools) })
		}
	})
	t.Cleanup(func() { listener.Close(); serving.Wait() })
	out := config.Copy()
	out.Port = uint16(listener.Addr().(*net.TCPAddr).Port)
	return out
}

func serve(client net.Conn, backend string, pools bool) {
	defer client.Close()
	server, err := net.Dial("tcp", backend)
	if err != nil {
		return
	}
	var sending sync.WaitGroup
	sending.Go(func() { io.Copy(server, client); server.Close() })
	answer(client, server, pools)
	client.Close()
	sending.Wait()
}

// answer passes the server's messages on: a type, a length that counts itself, a body.
func answer(client io.Writer, server io.Reader, pools bool) {
	var pid string
	for {
		header := make([]byte, 5)
		if _, err := io.ReadFull(server, header); err != nil {
			return
		}
		body := make([]byte, binary.BigEndian.Uint32(header[1:])-4)
		if _, err := io.ReadFull(server, body); err != nil {
			return
		}
		switch header[0] {
		case 'K': // BackendKeyData
			pid = strconv.Itoa(int(binary.BigEndian.Uint32(body)))
			body[0] ^= 0x40
		case 'D': // DataRow
			if pools && string(body) == "\x00\x01"+string(appendField(nil, []byte(pid))) {
				body = append([]byte{0, 1}, appendField(nil, []byte("4242"))...)
			}
		}
		binary.BigEndian.PutUint32(header[1:], uint32(len(body)+4))
		if _, err := client.Write(append(header, body...)); err != nil {
			return
		}
	}
}
