package sandbox

import (
	"crypto/rand"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"
)

// NATSCluster is a cluster of NATS servers of one token. Each of them can be killed, stopped and restarted by itself.
type NATSCluster struct{ Servers []*NATSServer }

// Cluster starts a cluster of so many NATS servers and removes it when t ends. They answer when it returns; their leaders may
// still be to be elected. They tell clients of no other server than the one these have connected to.
func Cluster(t testing.TB, size int) *NATSCluster {
	t.Helper()
	routes := make([]string, size)
	for i := range routes {
		port, err := freePort()
		if err != nil {
			t.Fatal(err)
		}
		routes[i] = loopback(port)
	}
	c, token := &NATSCluster{}, rand.Text()
	for i := range size {
		n, err := newNATS(fmt.Sprintf("sandbox-%d", i+1), token, NATSOptions{Extra: clusterConfig(routes, i)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { closeNATS(t, n) })
		c.Servers = append(c.Servers, n)
	}
	var starts errgroup.Group
	for _, n := range c.Servers {
		starts.Go(func() error { return n.startOnFreePort(t.Context()) })
	}
	if err := starts.Wait(); err != nil {
		t.Fatalf("start a NATS cluster for this test: %v", err)
	}
	return c
}

func clusterConfig(routes []string, own int) string {
	quoted := make([]string, len(routes))
	for i, route := range routes {
		quoted[i] = fmt.Sprintf("%q", "nats-route://"+route)
	}
	return fmt.Sprintf("cluster: {name: sandbox, listen: %q, no_advertise: true, routes: [%s]}\n", routes[own], strings.Join(quoted, ", "))
}
