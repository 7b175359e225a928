package legacy

import (
	"context"
)

// ThreadsRunning returns how many threads of the server are running, as it counts them itself, without the one that asks and without those
// that wait for their client to take what they send: a reader that rests does not keep itself from going on. A server counts a thread for each of its replicas.
func (db *DB) ThreadsRunning(ctx context.Context) (int, error) {
	conn, err := db.pool.Conn(ctx)
	if err != nil {
		return 0, failed(err, "connect to the legacy server at %s", db.address)
	}
	defer func() { _ = conn.Close() }() // it goes back to the pool
	var name string
	var running, waiting int
	if err = conn.QueryRowContext(ctx, `SHOW GLOBAL STATUS LIKE 'Threads_running'`).Scan(&name, &running); err == nil {
		// Only with PROCESS are others' threads among them; ours always are.
		err = conn.QueryRowContext(ctx, `
			SELECT COUNT(*) FROM information_schema.PROCESSLIST
			 WHERE COMMAND = 'Query' AND STATE IN ('Writing to net', 'Sending to client')`).Scan(&waiting)
	}
	if err != nil {
		return 0, failed(err, "ask for the threads that run in the legacy server at %s", db.address)
	}
	return max(0, running-1-waiting), nil
}
