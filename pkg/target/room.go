package target

import (
	"context"
	"errors"
	"net"
	"runtime"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// A Room is what a session may take of the server to put a part back.
type Room struct {
	Memory    int64 // bytes, for sorting
	Processes int   // beside the session's own
}

const (
	mostBuilders = 4         // sessions at the same time
	buildMemory  = 256 << 20 // of all of them, where the server has no more for its buffers; and the most of one
	buildOthers  = 4         // processes beside the first, where nobody knows the server's machine
)

// Rooms returns how many sessions are to put so many parts back at the same time, and the room of each. Together they take no more memory than the
// server has for its buffers, or 256 MiB where that is more, but each what maintenance_work_mem gives everybody; and as many processes as its machine has
// CPUs, as far as those are known: they are where it is this one.
func Rooms(ctx context.Context, conn *pgx.Conn, parts int) (sessions int, each Room, err error) {
	const query = `
		SELECT pg_size_bytes(current_setting('shared_buffers')), pg_size_bytes(current_setting('maintenance_work_mem')),
			current_setting('max_parallel_maintenance_workers')::int`
	var buffers, allowed int64
	var workers int
	if err := conn.QueryRow(ctx, query).Scan(&buffers, &allowed, &workers); err != nil {
		return 0, each, classify(err, "ask what the target server has for building indexes", "")
	}
	workers = max(workers, buildOthers)
	processes := 1 + workers
	if Here(conn) {
		processes = runtime.NumCPU()
	}
	sessions = max(1, min(parts, processes, mostBuilders))
	each.Processes = min(workers, processes/sessions-1)
	each.Memory = max(allowed, min(buildMemory, max(buildMemory, buffers)/int64(sessions)))
	return sessions, each, nil
}

// Here reports whether the connection's server is on this machine, as far as the name of its host tells.
func Here(conn *pgx.Conn) bool { return here(conn.Config().Host) }

func here(host string) bool {
	ip := net.ParseIP(host)
	return strings.HasPrefix(host, "/") || host == "localhost" || ip != nil && ip.IsLoopback()
}

// take gives the transaction its room, and what it builds the tablespace, empty for the database's own.
func (r Room) take(ctx context.Context, tx pgx.Tx, tablespace string) error {
	const query = `
		SELECT set_config('default_tablespace', $1, true), set_config('maintenance_work_mem', $2::bigint / 1024 || 'kB', true),
			set_config('max_parallel_maintenance_workers', $3::int::text, true)`
	if _, err := tx.Exec(ctx, query, tablespace, r.Memory, r.Processes); err != nil {
		return err
	}
	return watched(ctx, tx)
}

// watched has the server end what the transaction does soon after its client is gone. It would else build to the end, for hours perhaps, what then is
// rolled back, and hold the table meanwhile against the run that goes on. Servers before 14 cannot, nor can those of some systems; what the operator has set stays.
func watched(ctx context.Context, tx pgx.Tx) error {
	const query = `SELECT set_config(name, '2s', true) FROM pg_settings WHERE name = 'client_connection_check_interval' AND setting = '0'`
	err := pgx.BeginFunc(ctx, tx, func(part pgx.Tx) error {
		_, err := part.Exec(ctx, query)
		return err
	})
	if refused := (*pgconn.PgError)(nil); errors.As(err, &refused) && refused.Code == "22023" {
		return nil
	}
	return err
}
