package roles

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"rehome/pkg/report"
	"rehome/pkg/sandbox/programs"
)

func TestMigrationUnderTheNATSUsers(t *testing.T) {
	q := startQueue(t)
	from, to, dir := legacyDatabase(t), targetDatabase(t), programs.NewDir(t)
	dir.Write(t, "migration.yaml", mappingOf("shop"))
	env := func(role string) []string {
		return append([]string{"LEGACY_DSN=" + from, "TARGET_DSN=" + to}, q.env(role)...)
	}
	worker := dir.Start(t, programs.Worker, env("worker"), "--slots", "2")
	aggregator := dir.Start(t, programs.Aggregator, env("aggregator"))

	exit, r := ended(t, dir.Start(t, programs.Producer, env("producer"), "run", "--format", "json"))
	if exit != 4 || r.Users != (report.Users{Planned: 400, Migrated: 396, Quarantined: 4}) {
		t.Fatalf("exit status %d, users %+v", exit, r.Users)
	}
	dir.Write(t, "migration.yaml", mended(mappingOf("shop")))
	if exit, r = ended(t, dir.Start(t, programs.Producer, env("producer"), "run", "--format", "json")); exit != 0 {
		t.Errorf("with a mended mapping: exit status %d, %v", exit, r.Reasons)
	}
	if exit := wait(t, dir.Start(t, programs.Aggregator, env("producer"), "audit")); exit != 0 {
		t.Errorf("audit: exit status %d", exit)
	}
	denied := dir.Start(t, programs.Aggregator, env("aggregator"), "audit")
	if exit := wait(t, denied); exit != 1 || !strings.Contains(denied.Stderr(), "NATS user of the producer") {
		t.Errorf("an audit as the aggregator's user: exit status %d, and it does not say whose is needed", exit)
	}
	for _, p := range []*programs.Process{worker, aggregator} {
		p.Terminate()
		if exit := wait(t, p); exit != 0 {
			t.Errorf("exit status %d of what was told to stop", exit)
		}
		if text := strings.ToLower(p.Stderr()); strings.Contains(text, "violation") || strings.Contains(text, "lacks a right") {
			t.Error("a right was lacking")
		}
	}
	if exit := wait(t, dir.Start(t, programs.Producer, env("producer"), "reset", "--yes")); exit != 0 {
		t.Errorf("reset: exit status %d", exit)
	}
}

// A user is a connection that notes what the server refuses it.
type user struct {
	*nats.Conn
	role   string
	errors chan error
}

func (q *queue) connect(t *testing.T, role string) *user {
	t.Helper()
	u := &user{role: role, errors: make(chan error, 64)}
	login, err := nats.NkeyOptionFromSeed(q.seeds[role])
	if err != nil {
		t.Fatal(err)
	}
	u.Conn, err = nats.Connect(q.url(), login, nats.RootCAs(q.ca), nats.CustomInboxPrefix("_INBOX_"+role),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { u.errors <- err }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(u.Close)
	return u
}

// refused runs an act, and tells whether the server has refused it, and with what.
func (u *user) refused(t *testing.T, act func() error) error {
	t.Helper()
	if err := act(); err != nil {
		return err
	}
	if err := u.FlushTimeout(10 * time.Second); err != nil { // the server has seen it, and its refusal is on this side of the answer
		t.Fatal(err)
	}
	select {
	case err := <-u.errors:
		return err
	case <-time.After(100 * time.Millisecond): // the refusal is handed over by another goroutine
		return nil
	}
}

func TestWhatNATSUsersMayNotDo(t *testing.T) {
	q := startQueue(t)
	producer := q.connect(t, "producer")
	for _, stream := range []string{"SHARDS", "RECEIPTS", "DEAD"} {
		kind := strings.ToLower(strings.TrimSuffix(stream, "S"))
		retention := "limits"
		if kind == "shard" {
			retention = "workqueue"
		}
		body := fmt.Sprintf(`{"name":"REHOME_SHOP_%s","subjects":["rehome.shop.%s.>"],"retention":%q,"storage":"file","num_replicas":1,"allow_direct":true}`, stream, kind, retention)
		if answer, err := producer.Request("$JS.API.STREAM.CREATE.REHOME_SHOP_"+stream, []byte(body), 5*time.Second); err != nil || strings.Contains(string(answer.Data), `"error"`) {
			t.Fatalf("make stream %s: %v", stream, err)
		}
	}
	everyone := []string{
		"$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.REHOME_SHOP_SHARDS.workers", "$SYS.REQ.SERVER.PING", "$SYS.ACCOUNT.REHOME.CONNECT",
		"$JS.API.STREAM.LIST", "$JS.API.STREAM.NAMES", "$JS.API.STREAM.MSG.GET.REHOME_SHOP_RECEIPTS", "$JS.API.STREAM.MSG.DELETE.REHOME_SHOP_RECEIPTS",
		"$JS.API.DIRECT.GET.REHOME_SHOP_RECEIPTS", "$JS.API.STREAM.SNAPSHOT.REHOME_SHOP_SHARDS", "$JS.API.STREAM.RESTORE.REHOME_SHOP_SHARDS",
		"$JS.API.CONSUMER.DELETE.REHOME_SHOP_SHARDS.workers", "$JS.API.CONSUMER.DURABLE.CREATE.REHOME_SHOP_SHARDS.workers",
		"$JS.API.CONSUMER.CREATE.REHOME_SHOP_SHARDS", "$JS.API.META.LEADER.STEPDOWN", "$JS.API.ACCOUNT.PURGE.REHOME", "$JS.API.STREAM.PEER.REMOVE.REHOME_SHOP_SHARDS",
		"$KV.x.y", "other.subject", "_INBOX.x", "rehome.shop", "rehome.shop.other.r1.1",
	}
	streams := []string{
		"$JS.API.STREAM.CREATE.REHOME_OTHER_SHARDS", "$JS.API.STREAM.UPDATE.REHOME_SHOP_SHARDS", "$JS.API.STREAM.PURGE.REHOME_SHOP_SHARDS", "$JS.API.STREAM.DELETE.REHOME_SHOP_SHARDS",
		"$JS.API.CONSUMER.PAUSE.REHOME_SHOP_SHARDS.workers", "$JS.API.CONSUMER.CREATE.REHOME_SHOP_SHARDS.workers",
	}
	for role, acts := range map[string][]string{
		"producer": {"$JS.API.CONSUMER.MSG.NEXT.REHOME_SHOP_SHARDS.workers", "$JS.ACK.REHOME_SHOP_SHARDS.workers.1.1.1.1.0", "$JS.API.CONSUMER.CREATE.REHOME_SHOP_RECEIPTS.x"},
		"worker": append(slices.Clone(streams), "rehome.shop.shard.r1.1", "$JS.API.STREAM.INFO.REHOME_SHOP_SHARDS", "$JS.API.INFO",
			"$JS.API.CONSUMER.CREATE.REHOME_SHOP_RECEIPTS.x", "$JS.API.CONSUMER.CREATE.REHOME_SHOP_RECEIPTS.x.rehome.shop.receipt.>", "$JS.API.CONSUMER.MSG.NEXT.REHOME_SHOP_RECEIPTS.x",
			"_INBOX_producer.x"),
		"aggregator": append(slices.Clone(streams), "rehome.shop.shard.r1.1", "rehome.shop.receipt.r1.1", "rehome.shop.dead.r1.1",
			"$JS.API.CONSUMER.MSG.NEXT.REHOME_SHOP_SHARDS.workers", "$JS.ACK.REHOME_SHOP_SHARDS.workers.1.1.1.1.0", "$JS.API.CONSUMER.CREATE.REHOME_SHOP_SHARDS.x",
			"$JS.API.CONSUMER.CREATE.REHOME_SHOP_SHARDS.x.rehome.shop.shard.>", "_INBOX_producer.x"),
	} {
		u := q.connect(t, role)
		for _, subject := range append(slices.Clone(everyone), acts...) {
			if err := u.refused(t, func() error { return u.Publish(subject, []byte("{}")) }); !errors.Is(err, nats.ErrPermissionViolation) || !strings.Contains(err.Error(), subject) {
				t.Errorf("the %s may publish %s: %v", role, subject, err)
			}
		}
		for _, subject := range []string{">", "*", "rehome.>", "$SYS.>", "$JS.EVENT.>", "$JS.API.>", "_INBOX.>", "_INBOX_" + other(role) + ".>"} {
			err := u.refused(t, func() error { _, err := u.SubscribeSync(subject); return err })
			if !errors.Is(err, nats.ErrPermissionViolation) {
				t.Errorf("the %s may subscribe to %s: %v", role, subject, err)
			}
		}
	}
	t.Run("a consumer whose subject says that it reads receipts reads no shards", func(t *testing.T) {
		u := q.connect(t, "aggregator")
		body := `{"stream_name":"REHOME_SHOP_SHARDS","config":{"name":"x","filter_subject":"rehome.shop.shard.>","ack_policy":"explicit"}}`
		answer, err := u.Request("$JS.API.CONSUMER.CREATE.REHOME_SHOP_SHARDS.x.rehome.shop.receipt.>", []byte(body), 5*time.Second)
		if err != nil || !strings.Contains(string(answer.Data), `"error"`) {
			t.Errorf("it is made: %v", err)
		}
	})
	t.Run("somebody without a key, or with another, does not come in", func(t *testing.T) {
		for name, options := range map[string][]nats.Option{"without": nil, "by password": {nats.UserInfo("producer", "producer")}, "by token": {nats.Token("x")}} {
			if c, err := nats.Connect(q.url(), append(options, nats.RootCAs(q.ca))...); err == nil {
				c.Close()
				t.Errorf("%s: it is let in", name)
			}
		}
	})
}

func other(role string) string {
	if role == "worker" {
		return "producer"
	}
	return "worker"
}

// Without its right a program says at once what it lacks, and where it stands.
func TestARightThatIsMissingEndsAProgram(t *testing.T) {
	q := startQueue(t)
	from, to, dir := legacyDatabase(t), targetDatabase(t), programs.NewDir(t)
	dir.Write(t, "migration.yaml", mappingOf("shop"))
	base := []string{"LEGACY_DSN=" + from, "TARGET_DSN=" + to}
	for _, tt := range []struct {
		program, as string
		args        []string
	}{
		{programs.Producer, "worker", []string{"run"}},
		{programs.Worker, "aggregator", nil},
		{programs.Aggregator, "worker", nil},
	} {
		p := dir.Start(t, tt.program, append(base, q.env(tt.as)...), tt.args...)
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		exit := p.Wait(ctx)
		cancel()
		for _, word := range []string{"permissions violation", "_INBOX_" + tt.program, "deploy/nats/nats-server.conf"} {
			if exit != 1 || !strings.Contains(strings.ToLower(p.Stderr()), strings.ToLower(word)) {
				t.Errorf("the %s as user %s ends with %d and does not say %q", tt.program, tt.as, exit, word)
			}
		}
		if strings.Contains(p.Stderr(), "SU") && leaks(t, p.Stderr(), q) {
			t.Errorf("the %s shows a seed", tt.program)
		}
	}
}

func leaks(t *testing.T, text string, q *queue) bool {
	t.Helper()
	for _, path := range q.seeds {
		seed, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(text, string(seed)) {
			return true
		}
	}
	return false
}
