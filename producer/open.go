package main

import (
	"context"
	"fmt"
	"os"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/spf13/cobra"

	"rehome/pkg/ledger"
	"rehome/pkg/legacy"
	"rehome/pkg/mapping"
	"rehome/pkg/producer"
	"rehome/pkg/settings"
	"rehome/pkg/target"
	"rehome/pkg/telemetry"
)

// defaultFile is the mapping that is read when no -f is given.
const defaultFile = "migration.yaml"

// load reads the settings and the mapping; all that is wrong with either is reported before anything is touched.
func load(s *settings.Settings) (*mapping.File, error) {
	if err := s.Load(nil); err != nil {
		return nil, err
	}
	if s.File == "" {
		s.File = defaultFile
	}
	source, err := os.ReadFile(s.File)
	if err != nil {
		return nil, settings.WithExit(settings.ExitSettings, fmt.Errorf("read the mapping: %w; name it with -f", err))
	}
	file, faults := mapping.Parse(s.File, source, environment)
	if err := faults.Err(); err != nil {
		return nil, settings.WithExit(settings.ExitSettings, err)
	}
	return file, settings.WithExit(settings.ExitClean, databases(s, file))
}

// environment looks a ${NAME} of the mapping up, also as NAME_FILE.
func environment(name string) (string, bool) {
	text, found, err := settings.Environ(os.LookupEnv).Lookup(name)
	return text, found && err == nil
}

// databases takes the DSNs that flags and environment do not give from the mapping.
func databases(s *settings.Settings, file *mapping.File) (err error) {
	var faults settings.Faults
	if s.Legacy == nil {
		if s.Legacy, err = settings.ParseMySQL(file.Legacy.DSN.Value()); err != nil {
			faults = append(faults, settings.Fault{Name: "LEGACY_DSN (or legacy.dsn)", Problem: err.Error()})
		}
	}
	if s.Target == nil {
		if s.Target, err = settings.ParsePostgres(file.Target.DSN.Value()); err != nil {
			faults = append(faults, settings.Fault{Name: "TARGET_DSN (or target.dsn)", Problem: err.Error()})
		}
	}
	if len(faults) > 0 {
		return settings.WithExit(settings.ExitSettings, faults)
	}
	return nil
}

// bind adds the settings' flags to a command.
func bind(c *cobra.Command, s *settings.Settings) *cobra.Command {
	c.Args = func(c *cobra.Command, args []string) error {
		return settings.WithExit(settings.ExitClean, wrong(cobra.NoArgs(c, args)))
	}
	s.Bind(c.Flags())
	return c
}

func wrong(err error) error {
	if err == nil {
		return nil
	}
	return settings.WithExit(settings.ExitSettings, err)
}

// A session holds what a command works with; close ends it.
type session struct {
	*producer.Producer
	close func()
}

// open connects to both databases.
func open(ctx context.Context, s *settings.Settings, file *mapping.File, t *telemetry.Telemetry) (*session, error) {
	for _, warning := range s.Warnings {
		t.Log.WarnContext(ctx, warning)
	}
	from, err := legacy.Open(ctx, s.Legacy.Config())
	if err != nil {
		return nil, err
	}
	pool, err := openTarget(ctx, s.Target)
	if err != nil {
		_ = from.Close() // nothing was written
		return nil, err
	}
	out := &session{Producer: &producer.Producer{File: file, Legacy: from, Pool: pool, Log: t.Log, Version: version}}
	out.close = func() {
		pool.Close()
		_ = from.Close() // nothing was written
	}
	return out, nil
}

func openTarget(ctx context.Context, dsn *settings.Postgres) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(dsn.Reveal())
	if err != nil {
		return nil, settings.WithExit(settings.ExitSettings, err)
	}
	config.MaxConns = 16
	return target.Pool(ctx, config, "producer")
}

// install makes sure that the target has a ledger of this program's version.
func (s *session) install(ctx context.Context) error {
	conn, err := s.Pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("connect to the target database: %w", err)
	}
	defer conn.Release()
	return ledger.Install(ctx, conn.Conn())
}
