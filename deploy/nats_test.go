package deploy

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"rehome/pkg/queue"
)

// TestNATSInKubernetes reads the settings of the three servers as a server does, with the files and variables that its container has.
func TestNATSInKubernetes(t *testing.T) {
	objects, faults := readAll(t).build(example)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	at := slices.IndexFunc(objects, func(o object) bool { return o.kind == "StatefulSet" })
	set := objects[at].typed.(*appsv1.StatefulSet)
	pod := set.Spec.Template.Spec
	dir := t.TempDir()
	certificate(t, dir)
	shared, variables := environment(pod.Containers[0], objects)
	for name, value := range shared {
		t.Setenv(name, value)
	}
	for name, value := range variables {
		t.Setenv(name, strings.Replace(value, "/etc/nats/tls", dir, 1))
	}
	t.Setenv("POD_NAME", "nats-1")
	for _, volume := range pod.Volumes {
		for _, o := range objects {
			if volume.ConfigMap != nil && o.kind == "ConfigMap" && o.name == volume.ConfigMap.Name {
				mount(t, dir, pod.Containers[0], volume.Name, o.typed.(*corev1.ConfigMap))
			}
		}
	}
	o, err := natsserver.ProcessConfigFile(filepath.Join(dir, "nats.conf"))
	if err != nil {
		t.Fatal(err)
	}
	if o.ServerName != "nats-1" || o.HTTPHost != "0.0.0.0" || o.HTTPPort != 8222 || o.Port != 4222 || o.Cluster.Port != 6222 || o.StoreDir != "/data" {
		t.Errorf("server %s, monitor %s:%d, clients %d, cluster %d, store %s", o.ServerName, o.HTTPHost, o.HTTPPort, o.Port, o.Cluster.Port, o.StoreDir)
	}
	if len(o.Nkeys) != 3 || len(o.Accounts) != 1 || o.TLSConfig == nil || !o.SyncAlways {
		t.Errorf("%d users, %d accounts, TLS %t, synced %t", len(o.Nkeys), len(o.Accounts), o.TLSConfig != nil, o.SyncAlways)
	}
	if account := scaledIn(t, objects).trigger("nats-jetstream").Metadata["account"]; o.Accounts[0].Name != account {
		t.Errorf("KEDA asks for the account %s, the users are in %s", account, o.Accounts[0].Name)
	}
	for i, route := range o.Routes {
		if want := fmt.Sprintf("%s-%d.%s:6222", set.Name, i, set.Spec.ServiceName); route.Host != want || int(*set.Spec.Replicas) != len(o.Routes) {
			t.Errorf("route %d of %d servers is %s, want %s", i, *set.Spec.Replicas, route.Host, want)
		}
	}
	if room := set.Spec.VolumeClaimTemplates[0].Spec.Resources.Requests.Storage().Value(); o.JetStreamMaxStore <= 0 || o.JetStreamMaxStore >= room {
		t.Errorf("streams may take %d bytes of a disk of %d", o.JetStreamMaxStore, room)
	}
	if until := time.Duration(*pod.TerminationGracePeriodSeconds) * time.Second; until < o.LameDuckGracePeriod+o.LameDuckDuration+10*time.Second {
		t.Errorf("a server is killed after %s, and takes %s to send its clients away", until, o.LameDuckGracePeriod+o.LameDuckDuration)
	}
}

// mount writes a volume's files where the container has them, below dir in place of /etc/nats.
func mount(t *testing.T, dir string, c corev1.Container, volume string, config *corev1.ConfigMap) {
	t.Helper()
	for _, m := range c.VolumeMounts {
		if m.Name != volume {
			continue
		}
		for name, text := range config.Data {
			path := strings.Replace(m.MountPath, "/etc/nats", dir, 1)
			if m.SubPath == "" {
				path = filepath.Join(path, name)
			}
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// certificate writes a pair for a server into dir.
func certificate(t *testing.T, dir string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"nats"}, NotAfter: time.Now().Add(time.Hour)}
	public, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"tls.crt": {Type: "CERTIFICATE", Bytes: public}, "tls.key": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestBacklog asks a NATS for the backlog as KEDA does, after the queue has made its streams there.
func TestBacklog(t *testing.T) {
	t.Parallel()
	objects, faults := readAll(t).build(example)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	server, err := natsserver.NewServer(&natsserver.Options{Host: "127.0.0.1", Port: -1, HTTPHost: "127.0.0.1", HTTPPort: -1, JetStream: true,
		StoreDir: t.TempDir(), SyncAlways: true, NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	server.Start()
	t.Cleanup(func() { server.Shutdown(); server.WaitForShutdown() })
	if !server.ReadyForConnections(30 * time.Second) {
		t.Fatal("the NATS server does not start")
	}
	conn, err := queue.Connect(t.Context(), queue.Options{URL: server.ClientURL(), Name: t.Name()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	if err := conn.Declare(t.Context(), "community"); err != nil {
		t.Fatal(err)
	}
	publish(t, server.ClientURL(), 31)
	s := scaledIn(t, objects)
	lag := backlog(t, server.MonitorAddr().String(), s.trigger("nats-jetstream").Metadata)
	if got, err := s.replicas(lag, 40); lag != 31 || got != 16 || err != nil {
		t.Errorf("a backlog of %v, and %d workers for it, error %v; want 31 and 16", lag, got, err)
	}
}

func publish(t *testing.T, url string, messages int) {
	t.Helper()
	nc, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	for i := range messages {
		if _, err := nc.Request(fmt.Sprintf("rehome.community.shard.run.%d", i), []byte("{}"), 10*time.Second); err != nil {
			t.Fatal(err)
		}
	}
}

// backlog sums what KEDA sums: what waits and what is in work, of the consumer that it is told.
func backlog(t *testing.T, monitor string, told map[string]string) float64 {
	t.Helper()
	response, err := http.Get("http://" + monitor + "/jsz?acc=$G&consumers=true&config=true")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var answer struct {
		Accounts []struct {
			Streams []struct {
				Name      string `json:"name"`
				Consumers []struct {
					Name    string  `json:"name"`
					Pending float64 `json:"num_pending"`
					InWork  float64 `json:"num_ack_pending"`
				} `json:"consumer_detail"`
			} `json:"stream_detail"`
		} `json:"account_details"`
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	for _, account := range answer.Accounts {
		for _, stream := range account.Streams {
			for _, consumer := range stream.Consumers {
				if stream.Name == told["stream"] && consumer.Name == told["consumer"] {
					return consumer.Pending + consumer.InWork
				}
			}
		}
	}
	t.Fatalf("NATS has no consumer %s of a stream %s", told["consumer"], told["stream"])
	return 0
}
