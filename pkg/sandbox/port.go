package sandbox

import (
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
)

// Below the kernel's default range for outgoing connections, so that none of them sits on a server's port when it is
// started again.
const firstPort, lastPort = 17000, 32000

// drawn are the ports that this process has given out: who has got one may not listen on it yet, and may again.
var drawn sync.Map

// freePort draws a loopback port that nobody listens on at the moment, each once.
func freePort() (int, error) {
	for range 200 {
		port := firstPort + rand.IntN(lastPort-firstPort)
		if _, taken := drawn.LoadOrStore(port, true); !taken && portFree(port) {
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
