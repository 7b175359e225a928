package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"syscall"

	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"rehome/pkg/aggregator"
	"rehome/pkg/dashboard"
	"rehome/pkg/ledger"
	"rehome/pkg/legacy"
	"rehome/pkg/producer"
	"rehome/pkg/report"
	"rehome/pkg/settings"
	"rehome/pkg/telemetry"
)

// pages is the dashboard with the server that answers for it.
type pages struct {
	*dashboard.Dashboard
	server *telemetry.Server
}

// openPages takes the address of the dashboard and says on out where it is; it is nil where the dashboard is off.
func openPages(ctx context.Context, s *settings.Settings, t *telemetry.Telemetry, pool *pgxpool.Pool, out io.Writer) (*pages, error) {
	p := &s.Pages
	if p.Listen.IsZero() {
		return nil, nil
	}
	token := cmp.Or(p.Token.Reveal(), dashboard.NewToken())
	board, err := dashboard.New(dashboard.Config{
		Ledger: ledger.Open(pool), Version: version, Log: t.Log, TraceURL: s.TraceURL, Legacy: s.Legacy != nil,
		Access:  dashboard.Access{Loopback: p.Local(), TLS: p.Cert != "", Proxied: p.Proxy, Token: token, Hosts: append([]string{p.Listen.Host}, p.Hosts...)},
		Letters: letters(s, t, pool), Explain: explainer(s, pool),
	})
	if err != nil {
		return nil, err
	}
	var encryption *tls.Config
	if p.Cert != "" {
		if encryption, err = dashboard.TLS(p.Cert, p.Key, t.Log); err != nil {
			return nil, settings.WithExit(settings.ExitSettings, err)
		}
	}
	server, err := takeAddress(ctx, p, t, board)
	if err != nil {
		return nil, err
	}
	scheme := "http"
	if encryption != nil {
		scheme = "https"
		server.Encrypt(encryption)
	}
	at := scheme + "://" + reachable(server.Address())
	// Never a line of the log, which others keep: whoever reads it may sign in.
	if p.Token.Reveal() == "" {
		_, _ = fmt.Fprintf(out, "dashboard: %s/#token=%s\n", at, token) // who cannot be told has no use for it
	} else {
		_, _ = fmt.Fprintf(out, "dashboard: %s/ (sign in with REHOME_TOKEN)\n", at)
	}
	return &pages{Dashboard: board, server: server}, nil
}

// reachable spells an address that stands for all of a machine as one that a browser on it can ask.
func reachable(address string) string {
	all, err := netip.ParseAddrPort(address)
	if err != nil || !all.Addr().IsUnspecified() {
		return address
	}
	return netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), all.Port()).String()
}

// takeAddress listens. Several aggregators may run on one machine: those whose operator has not said where take any port.
func takeAddress(ctx context.Context, p *settings.Pages, t *telemetry.Telemetry, board *dashboard.Dashboard) (*telemetry.Server, error) {
	server, err := telemetry.Listen(ctx, p.Listen.String(), board.Handler())
	if errors.Is(err, syscall.EADDRINUSE) && p.Any {
		t.Log.WarnContext(ctx, "another process has the dashboard's address, which is on another port therefore; REHOME_LISTEN says which, or off", "address", p.Listen.String())
		server, err = telemetry.Listen(ctx, "127.0.0.1:0", board.Handler())
	}
	if err != nil {
		return nil, fmt.Errorf("serve the dashboard: %w; say another address with REHOME_LISTEN, or off", err)
	}
	return server, nil
}

// serve answers until ctx ends.
func (p *pages) serve(ctx context.Context, group *errgroup.Group) {
	if p == nil {
		return
	}
	group.Go(func() error { return p.Run(ctx) })
	group.Go(func() error { return p.server.Serve(ctx) })
}

// follow has the dashboard show the migration, and returns what shows its progress there, too.
func (p *pages) follow(migration string, show func(report.Progress)) func(report.Progress) {
	if p == nil {
		return show
	}
	p.Follow(migration)
	return func(progress report.Progress) {
		p.Observe(progress)
		show(progress)
	}
}

// openLegacy connects to the legacy database where there is one. The caller calls end.
func openLegacy(ctx context.Context, s *settings.Settings) (from *legacy.DB, end func() error, err error) {
	if s.Legacy == nil {
		return nil, func() error { return nil }, nil
	}
	if from, err = legacy.Open(ctx, s.Legacy.Config()); err != nil {
		return nil, nil, err
	}
	return from, from.Close, nil
}

func explainer(s *settings.Settings, pool *pgxpool.Pool) func(context.Context, string, string) (*aggregator.Explanation, error) {
	return func(ctx context.Context, migration, user string) (e *aggregator.Explanation, err error) {
		from, end, err := openLegacy(ctx, s)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, end()) }()
		return aggregator.Explain(ctx, ledger.Open(pool), from, migration, user)
	}
}

// A desk is where dead letters are decided about. It has no queue: what the ledger says is published by producer run, whose NATS user may do so.
type desk struct {
	producer.DeadLetters
	settings *settings.Settings
}

func letters(s *settings.Settings, t *telemetry.Telemetry, pool *pgxpool.Pool) func(migration, by string) dashboard.Letters {
	return func(migration, by string) dashboard.Letters {
		return &desk{producer.DeadLetters{Migration: migration, Pool: pool, Log: t.Log, Version: version, By: by}, s}
	}
}

// with does do while there is a connection to the legacy database.
func (d *desk) with(ctx context.Context, do func(*producer.DeadLetters) error) (err error) {
	from, end, err := openLegacy(ctx, d.settings)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, end()) }()
	letters := d.DeadLetters
	letters.Legacy = from
	return do(&letters)
}

// Show is as producer.DeadLetters has it, and so are the next two.
func (d *desk) Show(ctx context.Context, id string) (out *producer.DeadShow, err error) {
	err = d.with(ctx, func(l *producer.DeadLetters) (err error) {
		out, err = l.Show(ctx, id)
		return err
	})
	return out, err
}

// Republish needs no legacy database where it is forced.
func (d *desk) Republish(ctx context.Context, which producer.Selection, force bool) (out *producer.Republication, err error) {
	if force {
		return d.DeadLetters.Republish(ctx, which, force)
	}
	err = d.with(ctx, func(l *producer.DeadLetters) (err error) {
		out, err = l.Republish(ctx, which, force)
		return err
	})
	return out, err
}

// Discard counts what it leaves out.
func (d *desk) Discard(ctx context.Context, id, reason string) (out *producer.DiscardedShard, err error) {
	err = d.with(ctx, func(l *producer.DeadLetters) (err error) {
		out, err = l.Discard(ctx, id, reason)
		return err
	})
	return out, err
}
