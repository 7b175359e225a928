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
