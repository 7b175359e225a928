package queue

import (
	"context"
	"log/slog"
	"path/filepath"
)

// Store is where the embedded queue of a migration keeps what it has, in the working directory.
func Store(migration string) string { return filepath.Join(".rehome", migration) }

// Alone starts a server in this process over dir, as Embed does, and connects to it under the given name. Calling close ends both.
func Alone(ctx context.Context, dir, name string, log *slog.Logger) (conn *Conn, closeBoth func(), err error) {
	server, err := Embed(ctx, dir)
	if err != nil {
		return nil, nil, err
	}
	conn, err = Connect(ctx, Options{URL: server.URL(), Token: server.Token(), Name: name, Log: log})
	if err != nil {
		server.Close()
		return nil, nil, err
	}
	return conn, func() {
		conn.Close()
		server.Close()
	}, nil
}

// Forgo has the server forget who has waited for tasks of the migration and does not any more. One in this process would else, when it ends, give them
// time to hear of that.
func (c *Conn) Forgo(ctx context.Context, migration string) {
	_, _ = c.Backlog(ctx, migration) // of which the server says how many wait, and finds out who still does; else it only takes longer
}
