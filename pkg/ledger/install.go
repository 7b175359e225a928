package ledger

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Files are only ever added: one that was released is never edited.
//
//go:embed schema/*.sql
var schemaFiles embed.FS

// installLock serialises installers of one database; the letters "rehome".
const installLock = 0x7265686f6d65

// ErrAbsent is what CheckVersion's error wraps while there is no ledger yet; a worker waits for it.
var ErrAbsent = errors.New("the database has no ledger")

// step is one file of the ledger's DDL; step n is the n-th, from 1.
type step struct {
	name string
	ddl  string
	sum  [sha256.Size]byte
}

func steps(files fs.FS) ([]step, error) {
	names, err := fs.Glob(files, "schema/*.sql")
	if err != nil {
		return nil, fmt.Errorf("list the ledger's DDL: %w", err)
	}
	out := make([]step, len(names))
	for i, name := range names {
		ddl, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, fmt.Errorf("read the ledger's DDL: %w", err)
		}
		name = strings.TrimPrefix(name, "schema/")
		if !strings.HasPrefix(name, fmt.Sprintf("%04d_", i+1)) {
			return nil, fmt.Errorf("the ledger's DDL has a gap before %s", name)
		}
		out[i] = step{name: name, ddl: string(ddl), sum: sha256.Sum256(ddl)}
	}
	return out, nil
}

// Install creates the ledger, or brings an older one up to this program's version, in one transaction. Any number of programs may
// do it at once. The role needs CREATE on the database, or on an empty schema rehome. A ledger newer than the program, one that was made by other files,
// and a schema rehome that is not a whole ledger are refused with what to do.
func Install(ctx context.Context, conn *pgx.Conn) error { return install(ctx, conn, schemaFiles) }

func install(ctx context.Context, conn *pgx.Conn, files fs.FS) error {
	all, err := steps(files)
	if err != nil {
		return err
	}
	return pgx.BeginTxFunc(ctx, conn, readCommitted, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, int64(installLock)); err != nil {
			return fmt.Errorf("wait for another installation of the ledger: %w", err)
		}
		applied, err := compare(ctx, tx, all)
		if errors.Is(err, ErrAbsent) {
			err = createVersions(ctx, tx)
		}
		if err != nil {
			return err
		}
		for n := applied; n < len(all); n++ {
			if err := apply(ctx, tx, n+1, all[n]); err != nil {
				return err
			}
		}
		if err := checkTables(ctx, tx); err != nil {
			return err
		}
		return narrow(ctx, tx)
	})
}

func createVersions(ctx context.Context, tx pgx.Tx) error {
	var there bool
	if err := tx.QueryRow(ctx, `SELECT to_regnamespace('rehome') IS NOT NULL`).Scan(&there); err != nil {
		return fmt.Errorf("look for schema rehome: %w", err)
	}
	if !there {
		if _, err := tx.Exec(ctx, `CREATE SCHEMA rehome`); err != nil {
			return fmt.Errorf("create schema rehome in the target database (the role needs CREATE on the database): %w", err)
		}
	}
	_, err := tx.Exec(ctx, `
		CREATE TABLE rehome.version (
			number     integer PRIMARY KEY,
			name       text NOT NULL,
			sha256     bytea NOT NULL,
			applied_at timestamptz NOT NULL DEFAULT now()
		)`)
	if err != nil {
		return fmt.Errorf("create rehome.version: %w", err)
	}
	return nil
}

func apply(ctx context.Context, tx pgx.Tx, number int, s step) error {
	// Without arguments pgx sends a simple query: a file holds many statements.
	switch _, err := tx.Exec(ctx, s.ddl); sqlState(err) {
	case "":
		if err != nil {
			return fmt.Errorf("apply %s to the ledger: %w", s.name, err)
		}
	case duplicateTable, duplicateColumn, duplicateObject:
		return fmt.Errorf("apply %s to the ledger: rehome.version says version %d, and schema rehome holds parts of version %d already: "+
			"restore schema rehome from a backup: %w", s.name, number-1, number, err)
	default:
		return fmt.Errorf("apply %s to the ledger: %w", s.name, err)
	}
	_, err := tx.Exec(ctx, `INSERT INTO rehome.version (number, name, sha256) VALUES ($1, $2, $3)`, number, s.name, s.sum[:])
	if err != nil {
		return fmt.Errorf("note that %s was applied to the ledger: %w", s.name, err)
	}
	return nil
}

// CheckVersion returns nil if the database has a whole ledger of exactly this program's version, an error that wraps ErrAbsent if it has none, and
// otherwise one that says what to do.
func CheckVersion(ctx context.Context, conn *pgx.Conn) error {
	return checkVersion(ctx, conn, schemaFiles)
}

func checkVersion(ctx context.Context, conn *pgx.Conn, files fs.FS) error {
	all, err := steps(files)
	if err != nil {
		return err
	}
	applied, err := compare(ctx, conn, all)
	if err != nil {
		return err
	}
	if applied < len(all) {
		return fmt.Errorf("the ledger has version %d and this program needs %d: start the producer of this release once, it upgrades the ledger in place",
			applied, len(all))
	}
	return checkTables(ctx, conn)
}

// compare returns how many of the steps the ledger has.
func compare(ctx context.Context, s session, all []step) (int, error) {
	if err := checkSchema(ctx, s); err != nil {
		return 0, err
	}
	rows, err := s.Query(ctx, `SELECT number, name, sha256 FROM rehome.version ORDER BY number`)
	if err != nil {
		return 0, fmt.Errorf("read the ledger's version: %w", err)
	}
	var number, applied int
	var name string
	var sum []byte
	_, err = pgx.ForEachRow(rows, []any{&number, &name, &sum}, func() error {
		applied++
		switch {
		case number != applied:
			return fmt.Errorf("the ledger's version %d is missing from rehome.version: restore schema rehome from a backup", applied)
		case number > len(all):
			return fmt.Errorf("the ledger has version %d (%s) and this program knows only %d: use the release that made it, or a newer one",
				number, name, len(all))
		case !bytes.Equal(sum, all[number-1].sum[:]):
			return fmt.Errorf("version %d of the ledger (%s) was made by another build than this one (%s): use the release that made it",
				number, name, all[number-1].name)
		}
		return nil
	})
	return applied, err
}

// checkSchema tells a ledger from nothing, and both from a schema rehome that is somebody else's.
func checkSchema(ctx context.Context, s session) error {
	var versions bool
	var foreign *string
	err := s.QueryRow(ctx, `
		SELECT to_regclass('rehome.version') IS NOT NULL,
		       (SELECT min(relname) FROM pg_class WHERE relnamespace = to_regnamespace('rehome') AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S'))`).
		Scan(&versions, &foreign)
	switch {
	case err != nil:
		return fmt.Errorf("look for the ledger: %w", err)
	case versions:
		return nil
	case foreign != nil:
		return fmt.Errorf("schema rehome of the target database holds %q and no rehome.version: it is not a ledger, or half of one; "+
			"if nothing in it is needed, drop it (DROP SCHEMA rehome CASCADE) and start again", *foreign)
	}
	return fmt.Errorf("look for schema rehome in the target database: %w: the producer makes one when it plans", ErrAbsent)
}

// tables are what a whole ledger has besides rehome.version.
var tables = append([]string{"migration", "mapping", "worker", "part", "users"}, partitioned...)

func checkTables(ctx context.Context, s session) error {
	var missing []string
	err := s.QueryRow(ctx, `
		SELECT array_agg(name ORDER BY name) FROM unnest($1::text[]) AS name WHERE to_regclass('rehome.' || quote_ident(name)) IS NULL`, tables).
		Scan(&missing)
	if err != nil {
		return fmt.Errorf("look for the ledger's tables: %w", err)
	}
	if len(missing) > 0 {
		return fmt.Errorf("the ledger is damaged, schema rehome lacks %s: restore it from a backup, "+
			"or drop it (DROP SCHEMA rehome CASCADE) and migrate into an empty target again", strings.Join(missing, ", "))
	}
	return nil
}
