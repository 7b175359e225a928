// Package bench measures whole migrations, with the real programs on private servers. It tests how it counts alone: nothing in it fails for being slow.
package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"rehome/pkg/queue"
	"rehome/pkg/sandbox"
	"rehome/pkg/sandbox/programs"
)

func TestMain(m *testing.M) { sandbox.Main(m) }

const look = 500 * time.Millisecond

// A rig is one migration of a generated population, with servers of its own process.
type rig struct {
	testing.TB
	dir    programs.Dir
	legacy string
	target string
	nats   *sandbox.NATSServer
	queue  *queue.Conn
	conn   *pgx.Conn
	env    []string
}

// newRig fills the legacy database by the statements and gives the target its schema.
func newRig(b testing.TB, legacy []string, target, mapping string) *rig {
	b.Helper()
	r := &rig{TB: b, dir: programs.NewDir(b), legacy: sandbox.MariaDB(b)}
	db, err := sandbox.Open(r.legacy)
	r.must(err)
	defer db.Close()
	for _, statement := range legacy {
		_, err := db.ExecContext(b.Context(), statement)
		r.must(err)
	}
	r.dir.Write(b, "migration.yaml", mapping)
	r.begin(target)
	return r
}

// begin gives the rig an empty target and an empty queue.
func (r *rig) begin(target string) {
	r.Helper()
	r.target, r.nats = sandbox.Postgres(r.TB), sandbox.NATS(r.TB)
	var err error
	r.conn, err = pgx.Connect(r.Context(), r.target)
	r.must(err)
	r.Cleanup(func() { r.conn.Close(context.WithoutCancel(r.Context())) })
	_, err = r.conn.Exec(r.Context(), target)
	r.must(err)
	r.queue, err = queue.Connect(r.Context(), queue.Options{URL: r.nats.URL(), Name: "bench"})
	r.must(err)
	r.Cleanup(r.queue.Close)
	r.env = []string{"LEGACY_DSN=" + r.legacy, "TARGET_DSN=" + r.target, "NATS_URL=" + r.nats.URL()}
}

func (r *rig) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

func (r *rig) start(program string, args ...string) *programs.Process {
	r.Helper()
	return r.dir.Start(r.TB, program, r.env, args...)
}

// count returns the number that the query yields in the target, 0 while its tables are not there.
func (r *rig) count(query string) (n int) {
	r.Helper()
	err := r.conn.QueryRow(r.Context(), query).Scan(&n)
	if err != nil && !strings.Contains(err.Error(), "does not exist") {
		r.Fatal(err)
	}
	return n
}

// queued returns how many tasks nobody has taken.
func (r *rig) queued(migration string) int {
	backlog, err := r.queue.Backlog(r.Context(), migration)
	if err != nil {
		return 0 // it is not there yet
	}
	return backlog.Waiting
}

// until waits for something, and returns how long that took.
func (r *rig) until(reached func() bool) time.Duration {
	r.Helper()
	start, tick := time.Now(), time.NewTicker(look)
	defer tick.Stop()
	for !reached() {
		select {
		case <-tick.C:
		case <-r.Context().Done():
			r.Fatal(context.Cause(r.Context()))
		}
	}
	return time.Since(start)
}

// ended waits for a process that has to end well, and returns the most memory that it was seen to have, in MiB.
func (r *rig) ended(p *programs.Process) (peak int64) {
	r.Helper()
	r.until(func() bool {
		select {
		case <-p.Done():
			return true
		default:
			peak = max(peak, p.MaxRSS()>>20)
			return false
		}
	})
	if exit := p.Wait(r.Context()); exit != 0 {
		r.Fatalf("it ended with %d\n%s\n%s", exit, p.Stdout(), p.Stderr())
	}
	return peak
}

// record appends a measurement, as one line of JSON, to the file that REHOME_BENCH names, and prints it.
func record(b testing.TB, what string, values map[string]any) {
	b.Helper()
	values["benchmark"] = what
	line, err := json.Marshal(values)
	if err != nil {
		b.Fatal(err)
	}
	_, _ = fmt.Fprintf(os.Stdout, "%s\n", line) // the file has it, too
	name := os.Getenv("REHOME_BENCH")
	if name == "" {
		return
	}
	file, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err == nil {
		_, err = file.Write(append(line, '\n'))
	}
	if err == nil {
		err = file.Close()
	}
	if err != nil {
		b.Fatal(err)
	}
}
