package queue

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"

	"rehome/pkg/sandbox"
)

func with(topology Topology) func(*Options) { return func(o *Options) { o.Streams = topology } }

// made returns how the server keeps the migration's streams.
func made(t *testing.T, c *Conn) (streams []jetstream.StreamConfig) {
	t.Helper()
	for _, k := range []kind{tasks, receipts, dead} {
		stream, err := c.js.Stream(t.Context(), k.stream(name))
		if err != nil {
			t.Fatal(err)
		}
		streams = append(streams, stream.CachedInfo().Config)
	}
	return streams
}

func TestTopology(t *testing.T) {
	t.Parallel()
	t.Run("streams are kept as it says, and their limits change with it", func(t *testing.T) {
		server := embed(t)
		for _, size := range []int64{64 << 20, 16 << 20, 128 << 20} {
			c := connect(t, server.URL(), server.Token(), with(Topology{Replicas: 1, MaxBytes: size}))
			declare(t, c)
			for _, s := range made(t, c) {
				if s.Storage != jetstream.FileStorage || s.Replicas != 1 || s.MaxBytes != size {
					t.Errorf("stream %s is kept in %s, %d times, to %d bytes", s.Name, s.Storage, s.Replicas, s.MaxBytes)
				}
			}
		}
	})

	t.Run("streams in memory stay there, and another word is refused with what to do", func(t *testing.T) {
		server := embed(t)
		inMemory := connect(t, server.URL(), server.Token(), with(Topology{Memory: true, MaxBytes: 16 << 20}))
		declare(t, inMemory)
		declare(t, inMemory)
		if s := made(t, inMemory)[0]; s.Storage != jetstream.MemoryStorage {
			t.Errorf("stream %s is kept in %s", s.Name, s.Storage)
		}
		err := connect(t, server.URL(), server.Token()).Declare(t.Context(), name)
		for _, word := range []string{"kept in memory", "cannot be changed to file", "NATS_STORAGE=memory", "nats stream rm REHOME_COMMUNITY_SHARDS"} {
			if err == nil || !strings.Contains(err.Error(), word) {
				t.Errorf("error %v does not say %q", err, word)
			}
		}
	})

	t.Run("more copies than servers are refused with what to do", func(t *testing.T) {
		server := embed(t)
		err := connect(t, server.URL(), server.Token(), with(Topology{Replicas: 3})).Declare(t.Context(), name)
		if err == nil || !strings.Contains(err.Error(), "say fewer with NATS_REPLICAS") {
			t.Errorf("error %v does not say what to do", err)
		}
	})

	t.Run("streams that the server has no room for are refused with what to do", func(t *testing.T) {
		url := plainServer(t, &natsserver.Options{JetStream: true, JetStreamMaxStore: 10 << 20})
		err := connect(t, url, "").Declare(t.Context(), name)
		if err == nil || !strings.Contains(err.Error(), "say less with NATS_MAX_BYTES") {
			t.Errorf("error %v does not say what to do", err)
		}
		declare(t, connect(t, url, "", with(Topology{MaxBytes: 2 << 20})))
	})

	t.Run("a stream that is full says so", func(t *testing.T) {
		server := embed(t)
		c := connect(t, server.URL(), server.Token(), with(Topology{MaxBytes: 2 << 10}))
		declare(t, c)
		for n := range 50 {
			if _, err := c.PublishTask(t.Context(), task(n)); err != nil {
				if !strings.Contains(err.Error(), "NATS_MAX_BYTES") {
					t.Errorf("error %v does not say what to do", err)
				}
				return
			}
		}
		t.Error("it is never full")
	})
}

func TestReplicas(t *testing.T) {
	t.Parallel()
	url := cluster(t, 3)
	declare(t, connect(t, url, "", with(Topology{Replicas: 3})))
	c := connect(t, url, "")
	declare(t, c)
	if s := made(t, c)[0]; s.Replicas != 3 {
		t.Errorf("a stream of 3 copies has %d after it was declared without a word of copies", s.Replicas)
	}
	for _, copies := range []int{1, 3} {
		c := connect(t, url, "", with(Topology{Replicas: copies}))
		retry(t, func() error { return c.Declare(t.Context(), name) }) // while a change is under way the servers accept no other
		for _, s := range made(t, c) {
			if s.Replicas != copies {
				t.Errorf("stream %s has %d copies, want %d", s.Name, s.Replicas, copies)
			}
		}
	}
}

// cluster starts a cluster of servers with JetStream, and returns where one of them listens.
func cluster(t *testing.T, size int) (url string) {
	t.Helper()
	ports := make([]int, size)
	routes := make([]string, size)
	for n := range size {
		address := sandbox.Address(t)
		_, port, _ := strings.Cut(address, ":")
		var err error
		if ports[n], err = strconv.Atoi(port); err != nil {
			t.Fatal(err)
		}
		routes[n] = "nats://" + address
	}
	var servers []*natsserver.Server
	for n, port := range ports {
		servers = append(servers, startServer(t, &natsserver.Options{
			ServerName: fmt.Sprint("n", n), JetStream: true,
			Cluster: natsserver.ClusterOpts{Name: "test", Host: loopback, Port: port}, Routes: natsserver.RoutesFromStr(strings.Join(routes, ",")),
		}))
	}
	for _, server := range servers {
		if !server.ReadyForConnections(30 * time.Second) {
			t.Fatal("a server of the cluster does not come up")
		}
	}
	c := connect(t, servers[0].ClientURL(), "")
	retry(t, func() error { // until a leader is elected, and all are there
		_, err := c.js.CreateOrUpdateStream(t.Context(), jetstream.StreamConfig{Name: "probe", Subjects: []string{"probe"}, Replicas: size})
		return err
	})
	return servers[0].ClientURL()
}
