package sandbox

import (
	"context"
	"crypto/rand"
	"syscall"
)

// legacyServer is what MariaDB and MySQL have in common: how they end, and how one speaks to them as root.
type legacyServer struct {
	server
	password string
}

// prepare makes all of the server but its command, which is the embedding server's.
func (s *legacyServer) prepare(kind string, dir *home) {
	s.password = rand.Text()
	s.kind, s.home = kind, dir
	s.death, s.fast, s.abort = syscall.SIGKILL, syscall.SIGTERM, syscall.SIGKILL
	s.probe, s.killed = s.ping, func() {}
}

// DSN is the mysql:// URL, password included, of a database of this server; it need not exist.
func (s *legacyServer) DSN(database string) string {
	return serverURL("mysql", "root", s.password, s.port, database).String()
}

func (s *legacyServer) ping(ctx context.Context) error {
	db, err := Open(s.DSN(""))
	if err != nil {
		return err
	}
	defer db.Close()
	return db.PingContext(ctx)
}

// exec runs one statement on a connection of its own.
func (s *legacyServer) exec(ctx context.Context, statement string) error {
	db, err := Open(s.DSN(""))
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.ExecContext(ctx, statement)
	return err
}
