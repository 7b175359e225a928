package impostor

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"
)

// NATS returns the address of a server that says it is of the version and has JetStream, and answers pings.
func NATS(t testing.TB, version string) string {
	t.Helper()
	return listen(t, func(conn net.Conn) {
		_, _ = fmt.Fprintf(conn, "INFO {\"server_id\":\"X\",\"version\":%q,\"proto\":1,\"headers\":true,\"jetstream\":true,\"max_payload\":1048576}\r\n", version)
		lines := bufio.NewScanner(conn) // it ends when the client has gone
		for lines.Scan() {
			if strings.HasPrefix(lines.Text(), "PING") {
				_, _ = fmt.Fprint(conn, "PONG\r\n")
			}
		}
	})
}
