package link

import (
	"strings"
	"syscall"
)

// userTimeout is TCP_USER_TIMEOUT of <linux/tcp.h>: probes are not sent while something that was sent is not confirmed.
const userTimeout = 18

func control(network, _ string, conn syscall.RawConn) error {
	if !strings.HasPrefix(network, "tcp") {
		return nil
	}
	var refused error
	err := conn.Control(func(fd uintptr) {
		refused = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, userTimeout, int(Silence.Milliseconds()))
	})
	if err != nil {
		return err
	}
	return refused
}
