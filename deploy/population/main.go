// Command population fills an empty legacy database with a generated community, and makes the new schema that it moves into in the
// target. The legacy database is LEGACY_DSN, as a user who may create tables there; the target is TARGET_DSN, as the owner of what is
// to be made. Started again it finds that there is nothing to do; it never writes to a database that holds anything else.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"

	"github.com/jackc/pgx/v5"

	"rehome/pkg/report"
	"rehome/pkg/sandbox"
	"rehome/pkg/sandbox/community"
	"rehome/pkg/settings"
)

func main() {
	users := flag.Int("users", 100_000, "number of users of the generated community")
	seed := flag.Uint64("seed", 1, "seed of the generated community")
	flag.Parse()
	ctx, stop := settings.Context()
	err := settings.Interrupted(ctx, run(ctx, nil, community.Options{Users: *users, Seed: *seed}))
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "population:", err)
	}
	os.Exit(settings.ExitCode(err))
}

// run reads both DSNs from env, which is the process's environment when it is nil.
func run(ctx context.Context, env settings.Environ, o community.Options) error {
	if env == nil {
		env = os.LookupEnv
	}
	if err := settings.New().Require(settings.LegacyDSN, settings.TargetDSN).Load(env); err != nil {
		return err
	}
	from, _, err := env.Lookup("LEGACY_DSN")
	if err != nil {
		return err
	}
	to, _, err := env.Lookup("TARGET_DSN")
	if err != nil {
		return err
	}
	done, err := populated(ctx, to)
	if err != nil {
		return err
	}
	if done {
		say("the target has the schema app already: nothing to do")
		return nil
	}
	return populate(ctx, from, to, o)
}

// populated reports whether the target has the schema, which comes last.
func populated(ctx context.Context, dsn string) (bool, error) {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return false, fmt.Errorf("connect to the target database: %w", err)
	}
	var has bool
	err = conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = 'app')`).Scan(&has)
	if err != nil {
		err = fmt.Errorf("look for the schema app in the target database: %w", err)
	}
	return has, errors.Join(err, conn.Close(ctx))
}

func populate(ctx context.Context, from, to string, o community.Options) error {
	tables, err := count(ctx, from)
	if err != nil {
		return err
	}
	if tables > 0 {
		return settings.WithExit(settings.ExitRefused, fmt.Errorf("fill the legacy database with a sample: it holds %d tables already, of yours or of a "+
			"sample that was not finished; give it an empty one, or start over with docker compose --profile sample down --volumes", tables))
	}
	say("generating a legacy community of " + report.Number(int64(o.Users)) + " users")
	facts, err := community.Generate(ctx, from, o)
	if err != nil {
		return err
	}
	say(report.Number(facts.Rows()) + " rows generated, with all the oddities of a real one")
	return community.CreateSchema(ctx, to)
}

// count returns how many tables the legacy database holds.
func count(ctx context.Context, dsn string) (tables int, err error) {
	db, err := sandbox.Open(dsn)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	row := db.QueryRowContext(ctx, `SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()`)
	if err := row.Scan(&tables); err != nil {
		return 0, fmt.Errorf("count the tables of the legacy database: %w", err)
	}
	return tables, nil
}

func say(what string) { fmt.Fprintf(os.Stderr, "==> %s\n", what) }
