// Package community generates the legacy population of an old web application, deterministic by seed, at any size, with
// the oddities of real ones in counted numbers, and has the target schema and the mapping that it migrates with. It moves
// nothing itself and needs a MariaDB or MySQL that lets it load data from the client.
package community

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"rehome/pkg/sandbox"
)

// Options say what Generate makes.
type Options struct {
	// Users is how many users there are, at least 1. The other tables follow: 100,000 users have about a million rows.
	Users int
	// Seed chooses the population. The same seed and size give the same rows.
	Seed uint64
	// Clean leaves every oddity out.
	Clean bool
}

//go:embed legacy.sql
var legacyTables string

//go:embed target.sql
var targetSchema string

//go:embed migration.yaml
var mapping []byte

// Schema is the SQL script of the target's tables, in a schema app that must not exist yet.
func Schema() string { return targetSchema }

// Mapping is the migration.yaml from the generated legacy database to Schema, with ${LEGACY_DSN} and ${TARGET_DSN} open.
func Mapping() []byte { return mapping }

// loaders is how many tables are loaded at a time.
const loaders = 2

// Generate makes the tables and rows of a community in the empty database of a mysql:// DSN, and returns how many rows and
// oddities there are. Memory does not grow with the size.
func Generate(ctx context.Context, dsn string, opts Options) (Facts, error) {
	if opts.Users < 1 {
		return Facts{}, fmt.Errorf("generate a community of %d users: want at least 1", opts.Users)
	}
	db, err := sandbox.Open(dsn)
	if err != nil {
		return Facts{}, err
	}
	facts, err := generate(ctx, db, opts)
	return facts, errors.Join(err, db.Close())
}

func generate(ctx context.Context, db *sql.DB, opts Options) (Facts, error) {
	if _, err := db.ExecContext(ctx, legacyTables); err != nil {
		return Facts{}, fmt.Errorf("create the community's tables: %w", err)
	}
	p := newPopulation(opts)
	group, loadCtx := errgroup.WithContext(ctx)
	group.SetLimit(loaders)
	for _, t := range p.tables() {
		group.Go(func() error { return load(loadCtx, db, t) })
	}
	if err := group.Wait(); err != nil {
		return Facts{}, err
	}
	return p.facts, nil
}
