package main

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"rehome/pkg/ledger"
	"rehome/pkg/legacy"
	"rehome/pkg/pausepoint"
	"rehome/pkg/queue"
	"rehome/pkg/settings"
	"rehome/pkg/target"
	"rehome/pkg/telemetry"
	"rehome/pkg/worker"
)

// waitEvery is how often a worker looks for its migration while there is none.
const waitEvery = 2 * time.Second

// serve connects to both databases and NATS and works until ctx is done.
func serve(ctx context.Context, s *settings.Settings, t *telemetry.Telemetry) error {
	for _, warning := range s.Warnings {
		t.Log.WarnContext(ctx, warning)
	}
	boundMemory(s.Slots)
	config, err := pgxpool.ParseConfig(s.Target.Reveal())
	if err != nil {
		return settings.WithExit(settings.ExitSettings, err)
	}
	config.MaxConns = 4
	pool, err := target.Pool(ctx, config, "worker")
	if err != nil {
		return err
	}
	defer pool.Close()
	from, err := legacy.Open(ctx, s.Legacy.Config())
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }() // nothing was written
	if err := checkRights(ctx, s, t, pool, from); err != nil {
		return err
	}
	conn, err := queue.Connect(ctx, queue.Options{
		URL: s.NATS.Reveal(), Creds: s.NATS.Creds.Reveal(), NKey: s.NATS.NKey.Reveal(), TLS: s.NATS.TLS(),
		Name: "rehome/worker", Role: "worker", Log: t.Log,
	})
	if err != nil {
		return err
	}
	defer conn.Close()
	health := telemetry.NewHealth("worker", version)
	next := func() *worker.Worker {
		return &worker.Worker{
			Slots: s.Slots, Auto: s.SlotsAuto, Grace: s.Grace, Watch: health.Watch, Legacy: from, Ledger: ledger.Open(pool), Queue: conn, Log: t.Log, Version: version,
			Connect: func(ctx context.Context) (*pgx.Conn, error) { return target.Connect(ctx, config.ConnConfig, "worker") },
		}
	}
	var now atomic.Pointer[worker.Worker]
	now.Store(next())
	health.Note("slow", func() string { return now.Load().Slow() })
	health.Add("legacy", from.Ping)
	check(health, pool, conn, s.Migration)
	return t.While(ctx, s.Health.String(), health, func(ctx context.Context) error {
		for {
			err := work(ctx, now.Load(), pool, s.Migration)
			if !errors.Is(err, worker.ErrGone) {
				return err
			}
			health.Rest()
			now.Store(next())
		}
	})
}

// work waits for the migration and serves it.
func work(ctx context.Context, w *worker.Worker, pool *pgxpool.Pool, name string) error {
	name, err := worker.Await(ctx, pool, name, pausepoint.Wait("await", waitEvery), w.Log)
	if err != nil {
		return err
	}
	w.Migration = name
	w.Log.InfoContext(ctx, "ready for shards", "migration", name, "slots", w.Slots)
	if err = w.Run(ctx); errors.Is(err, worker.ErrGone) {
		w.Log.InfoContext(ctx, "the migration is gone from the ledger, as after producer reset: its shards are let go", "migration", name)
	}
	return err
}

// check has the worker ready only while it could take a shard.
func check(health *telemetry.Health, pool *pgxpool.Pool, conn *queue.Conn, name string) {
	health.Add("target", pool.Ping)
	health.Add("nats", func(context.Context) error {
		if !conn.Connected() {
			return errors.New("not connected to NATS")
		}
		return nil
	})
	health.Add("migration", func(ctx context.Context) error { return worker.Present(ctx, pool, name) })
}
