package sandbox

import (
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
)

// Below the kernel's default range for outgoing connections, so that none of them sits on a server's port when it is
// started again.
const firstPort, lastPort = 17000, 32000

// freePort draws a loopback port that nobody listens on at the moment.
func freePort() (int, error) {
	for range 200 {
		port := firstPort + rand.IntN(lastPort-firstPort)
		if portFree(port) {
			return port, nil
		}
	}
	return 0, errors.New("find a free loopback port: none of 200 tried is free")
}

func portFree(port int) bool {
	listener, err := net.Listen("tcp4", loopback(port))
	if err != nil {
		return false
	}
	return listener.Close() == nil
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
