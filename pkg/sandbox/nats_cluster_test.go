package sandbox

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

func TestCluster(t *testing.T) {
	t.Parallel()
	c := Cluster(t, 3)
	conn, err := nats.Connect(c.Servers[0].URL(), nats.MaxReconnects(-1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	if found := conn.DiscoveredServers(); len(found) != 0 {
		t.Errorf("a client is told of the servers %v", found)
	}
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	var stream jetstream.Stream
	await(t, "a stream of three replicas", func() bool {
		stream, err = js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "KEPT", Subjects: []string{"kept"}, Replicas: 3})
		return err == nil
	})
	if _, err := js.Publish(t.Context(), "kept", []byte("here")); err != nil {
		t.Fatal(err)
	}
	led := func() string {
		info, err := stream.Info(t.Context())
		if err != nil || info.Cluster == nil {
			return ""
		}
		return info.Cluster.Leader
	}
	one := slices.IndexFunc(c.Servers[1:], func(n *NATSServer) bool { return n.Name() != led() }) + 1
	c.Servers[one].Kill()
	if _, err := js.Publish(t.Context(), "kept", []byte("without one of them")); err != nil {
		t.Errorf("publish on two of three: %v", err)
	}
	if err := c.Servers[one].Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestSmallDisk(t *testing.T) {
	t.Run("a server that is choked takes nothing until it is restarted", func(t *testing.T) {
		n := NATS(t)
		js := jetStream(t, n.URL())
		if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "KEPT", Subjects: []string{"kept"}}); err != nil {
			t.Fatal(err)
		}
		if err := n.Choke(); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		if _, err := js.Publish(ctx, "kept", []byte("lost")); err == nil {
			t.Error("a server that cannot write has taken a message")
		}
		if err := n.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := jetStream(t, n.URL()).Publish(t.Context(), "kept", []byte("here")); err != nil {
			t.Error(err)
		}
	})
	if os.Geteuid() != 0 {
		return // nobody else may mount
	}
	disk := SmallDisk(t, 4<<20)
	if err := disk.Fill(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(disk.Dir(t), "file")
	if err := os.WriteFile(path, make([]byte, 1<<10), 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("write to a full disk: %v", err)
	}
	if err := disk.Free(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, make([]byte, 1<<20), 0o600); err != nil {
		t.Errorf("write to a disk that was freed: %v", err)
	}
}
