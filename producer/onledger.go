package main

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/spf13/cobra"

	"rehome/pkg/ledger"
	"rehome/pkg/legacy"
	"rehome/pkg/mapping"
	"rehome/pkg/queue"
	"rehome/pkg/settings"
	"rehome/pkg/telemetry"
)

// A desk is what a command works with that goes by the ledger, and not by a mapping of its own.
type desk struct {
	name   string // of the migration
	pool   *pgxpool.Pool
	legacy *legacy.DB // nil where it is not given, or not wanted
}

// onLedger reads the settings, lets refuse, which may be nil, look at them, connects to the target and, where the command wants it, to the legacy database, and
// runs do with the migration that is meant: that of -f, of --migration or REHOME_MIGRATION, or the only one of the ledger.
func onLedger(c *cobra.Command, s *settings.Settings, t *telemetry.Telemetry, refuse func() settings.Faults, do func(*desk) error) error {
	if err := named(s, refuse); err != nil {
		return err
	}
	for _, warning := range s.Warnings {
		t.Log.WarnContext(c.Context(), warning)
	}
	pool, err := openTarget(c.Context(), s.Target)
	if err != nil {
		return err
	}
	defer pool.Close()
	d := &desk{pool: pool}
	d.name, err = ledger.Choose(c.Context(), pool, s.Migration)
	if choice := (*ledger.ChoiceError)(nil); errors.As(err, &choice) {
		return settings.WithExit(settings.ExitSettings, err)
	}
	if err != nil {
		return err
	}
	if s.Legacy != nil {
		if d.legacy, err = legacy.Open(c.Context(), s.Legacy.Config()); err != nil {
			return err
		}
		defer func() { _ = d.legacy.Close() }() // nothing was written
	}
	return do(d)
}

// named reads the settings, and takes what they do not give from the mapping of -f.
func named(s *settings.Settings, refuse func() settings.Faults) error {
	err := s.Load(nil)
	faults, _ := errors.AsType[settings.Faults](err)
	if err != nil && faults == nil {
		return err
	}
	var wrong error
	if s.File != "" {
		var file *mapping.File
		if file, wrong = read(s.File); file != nil {
			faults = append(faults, fromMapping(s, file)...)
		}
	}
	if s.Target == nil && len(faults) == 0 && wrong == nil {
		faults = settings.Faults{{Name: "TARGET_DSN", Problem: "is not set; give TARGET_DSN, TARGET_DSN_FILE, or a mapping with target.dsn by -f"}}
	}
	if refuse != nil {
		faults = append(faults, refuse()...)
	}
	if len(faults) > 0 {
		wrong = errors.Join(faults, wrong)
	}
	if wrong != nil {
		return settings.WithExit(settings.ExitSettings, wrong)
	}
	return nil
}

// fromMapping takes the migration's name and the DSNs from the mapping, as far as the settings do not say them.
func fromMapping(s *settings.Settings, file *mapping.File) (faults settings.Faults) {
	if name := file.Name.Text; s.Migration != "" && s.Migration != name {
		faults = append(faults, settings.Fault{Name: "--migration", Problem: "is " + s.Migration + ", and the mapping of -f is of " + name + ": give one of them"})
	} else {
		s.Migration = name
	}
	var err error
	if dsn := file.Target.DSN.Value(); s.Target == nil && dsn != "" {
		if s.Target, err = settings.ParsePostgres(dsn); err != nil {
			faults = append(faults, settings.Fault{Name: "target.dsn", Problem: err.Error()})
		}
	}
	if dsn := file.Legacy.DSN.Value(); s.Legacy == nil && dsn != "" {
		if s.Legacy, err = settings.ParseMySQL(dsn); err != nil {
			faults = append(faults, settings.Fault{Name: "legacy.dsn", Problem: err.Error()})
		}
	}
	return faults
}

// queueWait is how long a command that can do without the queue waits for it.
const queueWait = 10 * time.Second

// queue connects to the given NATS, or to the queue of a run that is at work in this directory; the caller closes it. It is nil where there is none, or where it cannot be
// reached, which is said: the next run brings the queue up to the ledger.
func (d *desk) queue(ctx context.Context, s *settings.Settings, t *telemetry.Telemetry) *queue.Conn {
	wait, cancel := context.WithTimeout(ctx, queueWait)
	defer cancel()
	var conn *queue.Conn
	var err error
	if s.NATS != nil {
		conn, err = connect(wait, s, t)
	} else if url, token, alive := queue.Find(queue.Store(d.name)); alive {
		conn, err = queue.Connect(wait, queue.Options{URL: url, Token: token, Name: "rehome/producer", Log: t.Log})
	}
	if err != nil {
		t.Log.WarnContext(ctx, "the queue cannot be reached; what is to be published the next producer run publishes", "migration", d.name, "err", err)
		return nil
	}
	return conn
}
