package sandbox

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"
)

// Options shape the servers of a sandbox. The zero value is a small, durable pair of servers.
type Options struct {
	// Dir is where the sandbox makes its directories; empty means os.TempDir. The servers' users must be able to
	// enter it.
	Dir string
	// Fast gives up durability across a crash of the machine (never of a server) for speed: fsync, full-page writes
	// and synchronous commits are off.
	Fast bool
	// BufferPool is the size of MariaDB's buffer pool and of PostgreSQL's shared buffers, in MiB; 0 means 128.
	BufferPool int
	// MariaDBArgs are appended to mariadbd's arguments and win over the sandbox's own.
	MariaDBArgs []string
	// PostgresArgs are appended to postgres's arguments (as in "-c", "work_mem=64MB") and win over the sandbox's own.
	PostgresArgs []string
	// Cert and Key are the paths of a certificate and its key (PEM) with which the servers offer TLS; their DSNs do without. Where both are
	// empty only MySQL offers it, with a certificate that it makes itself.
	Cert, Key string
	// Clock is what the servers take for the time of day; nil is the machine's.
	Clock *Clock
}

const defaultBufferPool = 128

func (o Options) bufferPool() int {
	if o.BufferPool == 0 {
		return defaultBufferPool
	}
	return o.BufferPool
}

// Sandbox is a legacy MariaDB and a target PostgreSQL that belong together. The caller closes it.
type Sandbox struct {
	Legacy *MariaDBServer
	Target *PostgresServer
}

// Start starts both servers at the same time and returns when both answer. ctx bounds the start alone: the servers
// live until Close, or until this process is gone. What it started is gone when it returns an error.
func Start(ctx context.Context, opts Options) (*Sandbox, error) {
	var s Sandbox
	group, startCtx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		s.Legacy, err = StartMariaDB(startCtx, opts)
		return err
	})
	group.Go(func() (err error) {
		s.Target, err = StartPostgres(startCtx, opts)
		return err
	})
	if err := group.Wait(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return &s, nil
}

// Create makes an empty database on each of the two servers; the names are plain identifiers.
func (s *Sandbox) Create(ctx context.Context, legacy, target string) error {
	if err := s.Legacy.exec(ctx, "CREATE DATABASE "+legacy); err != nil {
		return fmt.Errorf("create legacy database %s: %w", legacy, err)
	}
	if err := s.Target.exec(ctx, "CREATE DATABASE "+target+" TEMPLATE template0"); err != nil {
		return fmt.Errorf("create target database %s: %w", target, err)
	}
	return nil
}

// LegacyDSN is the mysql:// URL, password included, of a database of the legacy server; it need not exist.
func (s *Sandbox) LegacyDSN(database string) string { return s.Legacy.DSN(database) }

// TargetDSN is the postgres:// URL, password included, of a database of the target server; it need not exist.
func (s *Sandbox) TargetDSN(database string) string { return s.Target.DSN(database) }

// Close ends both servers without ceremony and removes their directories. It may be called more than once.
func (s *Sandbox) Close() error {
	var errs []error
	if s.Legacy != nil {
		errs = append(errs, s.Legacy.Close())
	}
	if s.Target != nil {
		errs = append(errs, s.Target.Close())
	}
	return errors.Join(errs...)
}
