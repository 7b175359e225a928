package queue

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"rehome/pkg/pausepoint"
)

const (
	answerWait = 5 * time.Second  // for one request to the server, where the caller sets no deadline
	asyncWait  = 30 * time.Second // for one PubAck among many: with sync_interval always they queue up
	ackWait    = 60 * time.Second // of silence, after which a lease lapses
)

// Options say which server to connect to, and as whom.
type Options struct {
	URL     string       // nats:// or tls://, several separated by commas; may carry user and password
	Creds   string       // content of a .creds file, or empty
	NKey    string       // a user's seed, which begins with SU, or empty
	Token   string       // or empty; the embedded server wants its own
	TLS     *tls.Config  // whom to trust and what to show; nil is what the system trusts, and only where URL or server want encryption
	Name    string       // of this process, as the server lists it
	Role    string       // producer, worker or aggregator: whose rights we need. Its inboxes are _INBOX_ROLE; empty is the default, _INBOX
	Streams Topology     // of the streams that Declare makes
	Log     *slog.Logger // for what happens between calls; nil is slog.Default

	ackWait time.Duration // of the consumer that Declare makes; 0 is the default
}

// A Conn is a connection to a JetStream server that lasts until Close: when it is lost it is made again, for ever, and calls made
// meanwhile fail at once. Its methods may be called concurrently.
type Conn struct {
	nc      *nats.Conn
	js      jetstream.JetStream
	log     *slog.Logger
	ackWait time.Duration
	streams Topology
	guard   guard
	refused atomic.Int64
	unseen  func() // ends what observe has begun
}

// Connect connects to the server and makes sure that it is one to rely on: new enough, with JetStream. An unreachable server is an
// error at once. No error shows a password or token. The caller closes the Conn.
func Connect(ctx context.Context, o Options) (*Conn, error) {
	where, err := redact(o.URL)
	if err != nil {
		return nil, err
	}
	options, err := login(o)
	if err != nil {
		return nil, fmt.Errorf("connect to NATS at %s: %w", where, err)
	}
	c := &Conn{log: o.Log, ackWait: o.ackWait, streams: o.Streams, guard: guard{role: o.Role}}
	if c.log == nil {
		c.log = slog.Default()
	}
	if c.ackWait == 0 {
		c.ackWait = pausepoint.Wait("lease", ackWait)
	}
	tried := dialer{Dialer: net.Dialer{Timeout: patience(ctx)}}
	switch c.nc, err = nats.Connect(o.URL, slices.Concat(c.options(ctx, o), options, []nats.Option{nats.SetCustomDialer(&tried)})...); {
	case err != nil && ctx.Err() != nil:
		return nil, fmt.Errorf("connect to NATS at %s: %w", where, context.Cause(ctx))
	case errors.Is(err, nats.ErrNoServers) && tried.first != nil:
		return nil, fmt.Errorf("connect to NATS at %s: %w; is nats-server running there, and may this machine reach it?", where, tried.first)
	case err != nil:
		return nil, fmt.Errorf("connect to NATS at %s: %w%s", where, err, advice(err, o))
	}
	if err := c.accept(ctx); err != nil {
		c.nc.Close()
		return nil, fmt.Errorf("connect to NATS at %s: %w", where, err)
	}
	c.unseen = c.observe()
	return c, nil
}

// A dialer remembers why it could not connect: NATS itself only says that no server was available.
type dialer struct {
	net.Dialer
	first error // the first failure
}

// Dial connects.
func (d *dialer) Dial(network, address string) (net.Conn, error) {
	conn, err := d.Dialer.Dial(network, address)
	if d.first == nil {
		d.first = err
	}
	return conn, err
}

// patience is how long a connection may take to come about.
func patience(ctx context.Context) time.Duration {
	if end, ok := ctx.Deadline(); ok {
		return min(answerWait, max(time.Until(end), time.Millisecond))
	}
	return answerWait
}

// accept refuses a server that cannot keep what it promises, and opens JetStream on one that can.
func (c *Conn) accept(ctx context.Context) error {
	if err := checkVersion(c.nc.ConnectedServerVersion()); err != nil {
		return err
	}
	js, err := jetstream.New(c.nc, jetstream.WithDefaultTimeout(answerWait), jetstream.WithPublishAsyncTimeout(asyncWait),
		jetstream.WithPublishAsyncMaxPending(asyncWindow))
	if err != nil {
		return err
	}
	c.js = js
	if err := c.checkRole(ctx); err != nil {
		return err
	}
	if here, _ := c.nc.ConnectedServerJetStream(); here {
		return nil
	}
	// A server without JetStream may stand in front of a cluster that has it.
	return c.call(ctx, "JetStream is not enabled; start nats-server with -js, or let the account use it", func(ctx context.Context) error {
		_, err := js.AccountInfo(ctx)
		return err
	})
}

// checkRole refuses a user of another role before any work: answers would not reach us.
func (c *Conn) checkRole(ctx context.Context) error {
	if c.guard.role == "" {
		return nil
	}
	return c.call(ctx, "use the rights of the "+c.guard.role, func(ctx context.Context) error {
		inbox, err := c.nc.SubscribeSync(c.nc.NewInbox())
		if err != nil {
			return err
		}
		defer func() { _ = inbox.Unsubscribe() }() // where the connection is lost it is forgotten
		if err := c.nc.FlushWithContext(ctx); err != nil {
			return err
		}
		// A refusal comes before the answer to the flush.
		if err := c.nc.LastError(); errors.Is(err, nats.ErrPermissionViolation) {
			return c.guard.denial(err)
		}
		return nil
	})
}

// options returns those of the connection: it is never given up, and holds nothing back while it is down, where a publish would
// seem to have succeeded.
func (c *Conn) options(ctx context.Context, o Options) []nats.Option {
	options := []nats.Option{
		nats.Name(o.Name), nats.Timeout(patience(ctx)),
		nats.MaxReconnects(-1), nats.ReconnectWait(250 * time.Millisecond), nats.ReconnectJitter(250*time.Millisecond, time.Second),
		nats.ReconnectBufSize(-1), nats.PingInterval(10 * time.Second), nats.MaxPingsOutstanding(2), nats.IgnoreAuthErrorAbort(),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { c.notice(err) }),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				c.log.Warn("connection to NATS lost, trying again", "err", err)
			}
		}),
		nats.ReconnectHandler(func(nc *nats.Conn) { c.log.Info("connection to NATS is back", "server", nc.ConnectedUrlRedacted()) }),
	}
	if o.Role != "" {
		options = append(options, nats.CustomInboxPrefix("_INBOX_"+o.Role))
	}
	return options
}

// Close sends what is under way, at most for a second, and closes the connection. Calls that are waiting return.
func (c *Conn) Close() {
	c.unseen()
	_ = c.nc.FlushTimeout(time.Second) // what cannot be sent is redelivered
	c.nc.Close()
}

// Refused returns how many messages on our subjects were not ours: they were logged and left aside.
func (c *Conn) Refused() int64 { return c.refused.Load() }

// Connected tells whether there is a connection at the moment.
func (c *Conn) Connected() bool { return c.nc.IsConnected() }

// redact returns the servers of a NATS URL without whatever identifies the user.
func redact(servers string) (string, error) {
	var shown []string
	for server := range strings.SplitSeq(servers, ",") {
		server = strings.TrimSpace(server)
		if !strings.Contains(server, "://") {
			server = "nats://" + server
		}
		u, err := url.Parse(server)
		if inner := (*url.Error)(nil); errors.As(err, &inner) {
			// The text of a parse error can hold the password.
			return "", errors.New("NATS URL: it is not a URL; write nats://host:4222, and percent-encode what is special in a password")
		}
		if u.Host == "" {
			return "", errors.New("NATS URL: it names no host; write nats://host:4222")
		}
		shown = append(shown, u.Scheme+"://"+u.Host)
	}
	return strings.Join(shown, ","), nil
}
