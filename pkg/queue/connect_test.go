package queue

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"golang.org/x/sync/errgroup"

	"rehome/pkg/shard"
)

// fakeServer greets clients as a NATS server of the version and answers their pings.
func fakeServer(t *testing.T, version string) (url string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var group errgroup.Group
	group.Go(func() error {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		defer conn.Close()
		fmt.Fprintf(conn, "INFO {\"server_id\":\"x\",\"version\":%q,\"max_payload\":1048576,\"jetstream\":true,\"headers\":true}\r\n", version)
		for lines := bufio.NewScanner(conn); lines.Scan(); {
			if lines.Text() == "PING" {
				fmt.Fprint(conn, "PONG\r\n")
			}
		}
		return nil
	})
	t.Cleanup(func() {
		listener.Close()
		_ = group.Wait()
	})
	return "nats://" + listener.Addr().String()
}

func TestConnectRefusesOldServers(t *testing.T) {
	for _, version := range []string{"2.9.10", "2.12.4", "2.12.5-RC.1", "1.99.99", "two", ""} {
		t.Run("version "+version+" is refused", func(t *testing.T) {
			c, err := Connect(t.Context(), Options{URL: fakeServer(t, version)})
			if err == nil {
				c.Close()
				t.Fatal("it is accepted")
			}
			if !strings.Contains(err.Error(), "2.12.5 or newer") {
				t.Errorf("error %q does not say what is needed", err)
			}
		})
	}
	for _, version := range []string{"2.12.5", "2.12.6-beta.1", "2.15.2", "v3.0.0"} {
		t.Run("version "+version+" is accepted", func(t *testing.T) {
			connect(t, fakeServer(t, version), "")
		})
	}
}

func TestConnectErrorsShowNoSecret(t *testing.T) {
	server := embed(t)
	host := strings.TrimPrefix(server.URL(), "nats://")
	for what, o := range map[string]Options{
		"a URL that is none":                   {URL: "nats://bob:canary@host:port"},
		"a URL with a bad escape":              {URL: "nats://bob:can%ary@" + host},
		"a URL without a host":                 {URL: "nats://"},
		"a server that is not there":           {URL: "nats://canary@127.0.0.1:1"},
		"a wrong password":                     {URL: "nats://bob:canary@" + host},
		"a wrong token":                        {URL: "nats://" + host, Token: "canary"},
		"a wrong token in a list without nats": {URL: "canary@" + host},
	} {
		t.Run(what, func(t *testing.T) {
			c, err := Connect(t.Context(), o)
			if err == nil {
				c.Close()
				t.Fatal("it is accepted")
			}
			if strings.Contains(err.Error(), "can") || strings.Contains(err.Error(), "bob") {
				t.Errorf("error %q shows a secret", err)
			}
		})
	}
}

// startServer starts a NATS server with options of the test's, and does not wait for it.
func startServer(t *testing.T, o *natsserver.Options) *natsserver.Server {
	t.Helper()
	o.Host, o.Port, o.NoSigs, o.NoLog, o.StoreDir = loopback, natsserver.RANDOM_PORT, true, true, t.TempDir()
	server, err := natsserver.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	server.Start()
	t.Cleanup(func() {
		server.Shutdown()
		server.WaitForShutdown()
	})
	return server
}

// plainServer starts a NATS server with options of the test's.
func plainServer(t *testing.T, o *natsserver.Options) (url string) {
	t.Helper()
	server := startServer(t, o)
	if !server.ReadyForConnections(10 * time.Second) {
		t.Fatal("the server does not come up")
	}
	return server.ClientURL()
}

func TestConnectRefusesAServerWithoutJetStream(t *testing.T) {
	c, err := Connect(t.Context(), Options{URL: plainServer(t, &natsserver.Options{})})
	if err == nil {
		c.Close()
		t.Fatal("it is accepted")
	}
	if !strings.Contains(err.Error(), "JetStream is not enabled") {
		t.Errorf("error %q does not say what is missing", err)
	}
}

func TestAMissingRightIsAnErrorOfItsOwn(t *testing.T) {
	t.Parallel()
	url := plainServer(t, &natsserver.Options{JetStream: true, Users: []*natsserver.User{
		{Username: "producer", Password: "p"},
		{Username: "worker", Password: "w", Permissions: &natsserver.Permissions{
			Publish:   &natsserver.SubjectPermission{Allow: []string{"$JS.API.CONSUMER.INFO.*.workers"}},
			Subscribe: &natsserver.SubjectPermission{Allow: []string{"_INBOX_worker.>"}},
		}},
	}})
	as := func(user string) string { return strings.Replace(url, "://", "://"+user+"@", 1) }
	declare(t, connect(t, as("producer:p"), ""))
	c := connect(t, as("worker:w"), "", func(o *Options) { o.Role = "worker" })
	for act, try := range map[string]func() error{
		"publish": func() error { _, err := c.PublishTask(t.Context(), task(1)); return err },
		"publish many": func() error {
			_, err := c.PublishTasks(t.Context(), slices.Values([]shard.Task{task(1), task(2)}))
			return err
		},
		"next":     func() error { _, err := queueOf(t, c).Next(t.Context()); return err },
		"receipts": func() error { return c.Receipts(t.Context(), name, nil) },
		"declare":  func() error { return c.Declare(t.Context(), name) },
	} {
		start := time.Now()
		err := try()
		if !Denied(err) || !strings.Contains(err.Error(), name) && !strings.Contains(err.Error(), strings.ToUpper(name)) {
			t.Errorf("%s: error %v, want one that Denied knows and that names the subject", act, err)
		}
		if err != nil && !strings.Contains(err.Error(), "NATS user of the worker: deploy/nats/nats-server.conf") {
			t.Errorf("%s: error %v does not say where the rights stand", act, err)
		}
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("%s: it is known after %v only", act, took)
		}
	}
}

func TestAConnectionIsNeverGivenUpAndHoldsNothingBack(t *testing.T) {
	server := embed(t)
	o := connect(t, server.URL(), server.Token()).nc.Opts
	if o.MaxReconnect != -1 || !o.IgnoreAuthErrorAbort {
		t.Errorf("reconnects %d times, through refusals: %v", o.MaxReconnect, o.IgnoreAuthErrorAbort)
	}
	if o.ReconnectBufSize != -1 {
		t.Errorf("holds back %d bytes while there is no connection", o.ReconnectBufSize)
	}
}

func TestARequestIsBoundedWhateverTheCallersDeadline(t *testing.T) {
	t.Parallel()
	c := connect(t, fakeServer(t, "2.15.2"), "") // which answers nothing
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	start := time.Now()
	err := c.PublishReceipt(ctx, receipt(1))
	if took := time.Since(start); !errors.Is(err, errSilent) || took > 2*answerWait {
		t.Errorf("after %v: error %v, want %v", took, err, errSilent)
	}
}
