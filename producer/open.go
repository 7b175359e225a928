package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/spf13/cobra"

	"rehome/pkg/aggregator"
	"rehome/pkg/legacy"
	"rehome/pkg/mapping"
	"rehome/pkg/producer"
	"rehome/pkg/report"
	"rehome/pkg/settings"
	"rehome/pkg/target"
	"rehome/pkg/telemetry"
)

// defaultFile is the mapping that is read when no -f is given.
const defaultFile = "migration.yaml"

// load reads the settings and the mapping; all that is wrong with both is reported before anything is touched.
func load(s *settings.Settings) (*mapping.File, error) {
	err := s.Load(nil)
	faults, _ := errors.AsType[settings.Faults](err)
	if err != nil && faults == nil {
		return nil, err
	}
	if s.File == "" {
		s.File = defaultFile
	}
	file, wrong := read(s.File)
	if file != nil {
		faults = append(faults, databases(s, file, faults)...)
	}
	if len(faults) > 0 {
		wrong = errors.Join(faults, wrong)
	}
	if wrong != nil {
		return nil, settings.WithExit(settings.ExitSettings, wrong)
	}
	return file, nil
}

func read(path string) (*mapping.File, error) {
	source, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the mapping: %w; name the file with -f", err)
	}
	file, faults := mapping.Parse(path, source, environment)
	if err := faults.Err(); err != nil {
		return nil, err
	}
	return file, nil
}

// environment looks a ${NAME} of the mapping up, also as NAME_FILE.
func environment(name string) (string, bool) {
	text, found, err := settings.Environ(os.LookupEnv).Lookup(name)
	return text, found && err == nil
}

// databases takes the DSNs that flags and environment do not give from the mapping. It says nothing of one that known has a fault of.
func databases(s *settings.Settings, file *mapping.File, known settings.Faults) (faults settings.Faults) {
	take := func(name, flag, place string, dsn mapping.DSN, parse func(string) error) {
		if slices.ContainsFunc(known, func(f settings.Fault) bool { return f.Name == name || f.Name == flag }) {
			return
		}
		switch {
		case len(dsn.Unset) > 0:
			name = strings.Join(dsn.Unset, ", ")
			faults = append(faults, settings.Fault{Name: name, Problem: fmt.Sprintf("is not set, and %s in the mapping needs it", place)})
		case dsn.Value() == "":
			faults = append(faults, settings.Fault{Name: name, Problem: fmt.Sprintf("is not set; give %s, %s_FILE, or %s in the mapping", name, name, place)})
		default:
			if err := parse(dsn.Value()); err != nil {
				faults = append(faults, settings.Fault{Name: place, Problem: err.Error()})
			}
		}
	}
	if s.Legacy == nil {
		take("LEGACY_DSN", "--legacy-dsn", "legacy.dsn", file.Legacy.DSN, func(dsn string) (err error) {
			s.Legacy, err = settings.ParseMySQL(dsn)
			return err
		})
	}
	if s.Target == nil {
		take("TARGET_DSN", "--target-dsn", "target.dsn", file.Target.DSN, func(dsn string) (err error) {
			s.Target, err = settings.ParsePostgres(dsn)
			return err
		})
	}
	return faults
}

// bind adds the settings' flags to a command.
func bind(c *cobra.Command, s *settings.Settings) *cobra.Command {
	c.Args = cobra.NoArgs
	s.Bind(c.Flags())
	return c
}

// with reads the settings and the mapping, lets refuse, which may be nil, look at both, connects to both databases and runs do.
func with(c *cobra.Command, s *settings.Settings, t *telemetry.Telemetry, refuse func(*mapping.File) error, do func(*session) error) error {
	file, err := load(s)
	if err != nil {
		return err
	}
	if refuse != nil {
		if err := refuse(file); err != nil {
			return err
		}
	}
	session, err := open(c.Context(), s, file, t)
	if err != nil {
		return err
	}
	defer session.close()
	return do(session)
}

// show prints the report and ends the command with its exit status.
func show(c *cobra.Command, s *settings.Settings, r *report.Report) error {
	if err := aggregator.Print(c.OutOrStdout(), r, s.Format, settings.Operator(), c.CommandPath()); err != nil {
		return err
	}
	return settings.WithExit(r.Exit(), nil)
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
