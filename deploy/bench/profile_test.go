package bench

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// profileSettings let PostgreSQL say which statements its time goes to, and which session was whose.
var profileSettings = []string{"-c", "shared_preload_libraries=pg_stat_statements", "-c", "pg_stat_statements.track_planning=on",
	"-c", "log_disconnections=on", "-c", "log_line_prefix=%p %a "}

// statementTimes are what the sessions have waited for, their clients' delays included: of a COPY that is the time in which rows were sent.
const statementTimes = `
	SELECT round(total_exec_time + total_plan_time)::bigint AS ms, calls, rows, left(regexp_replace(query, '\s+', ' ', 'g'), 240) AS statement
	  FROM pg_stat_statements
	 ORDER BY total_exec_time + total_plan_time DESC LIMIT 60`

// serverProcesses are the ones that do not come and go.
const serverProcesses = `
	SELECT string_agg(pid::text, ',') FROM pg_stat_activity
	 WHERE backend_type NOT IN ('client backend', 'parallel worker', 'autovacuum worker')`

// A profile is a directory for listings of where the processes of one load spend their time, taken by perf.
type profile struct {
	testing.TB
	dir string
}

// profile has one more load by rehome, and writes for each of its processes which functions its time went to, and for PostgreSQL which statements.
func (a *arena) profile(dir string) {
	a.Helper()
	p := profile{a.TB, filepath.Join(dir, a.name)}
	a.must(os.MkdirAll(p.dir, 0o755))
	var own cost
	load := func(c *cost, dsn string) {
		a.statements(`CREATE EXTENSION IF NOT EXISTS pg_stat_statements`, `SELECT pg_stat_statements_reset()`)
		legacy, target := a.servers.Legacy.PID(), a.servers.Target.PID()
		stopLegacy := p.watch("mariadb", fmt.Sprint(legacy))
		stopTarget := p.watch("postgres", fmt.Sprintf("%d,%s", target, strings.TrimSpace(a.statements(serverProcesses))))
		cmd := a.migration(a.shape, dsn)
		cmd.Args = append(p.perf("rehome", "--"), cmd.Args...)
		cmd.Path = p.program()
		a.ran(c, cmd)
		stopTarget()
		stopLegacy()
		own = *c
		p.write("statements", a.statements(statementTimes))
	}
	all := a.meet(contestant{name: "rehome profiled", shape: a.shape}, way{load: load}, false)
	p.write("cpu", fmt.Sprintf("%s, %d rows: CPU seconds of rehome (and perf) %.2f, MariaDB %.2f, PostgreSQL %.2f; %.2f s in all, profiled\n",
		a.name, a.rows, own.Own, all.MariaDB, all.Target, all.Wall))
	for _, process := range []string{"rehome", "mariadb", "postgres"} {
		p.list(process, "functions", "--sort=symbol,dso", "--no-children", "--percent-limit=0.2")
		p.list(process, "objects", "--sort=dso", "--no-children")
	}
	p.list("postgres", "sessions", "--sort=pid", "--no-children", "--percent-limit=0.2")
	log, err := os.ReadFile(filepath.Join(a.servers.Target.Dir(), "log"))
	a.must(err)
	p.write("postgres-log", string(log))
	p.list("rehome", "callers", "--sort=symbol,dso", "--children", "--percent-limit=1")
}

func (p profile) program() string {
	p.Helper()
	program, err := exec.LookPath("perf")
	if err != nil {
		p.Fatalf("a profile is taken by perf, of Debian's package linux-perf: %v", err)
	}
	return program
}

func (p profile) perf(process string, more ...string) []string {
	return append([]string{"perf", "record", "--quiet", "--freq=499", "-g", "--event=cpu-clock", "--output=" + filepath.Join(p.dir, process+".data")}, more...)
}

// watch records processes, and the threads and children that they get, until stop is called.
func (p profile) watch(process, pids string) (stop func()) {
	p.Helper()
	args := p.perf(process, "--pid="+pids)
	var output bytes.Buffer
	cmd := exec.CommandContext(p.Context(), p.program(), args[1:]...)
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		p.Fatal(err)
	}
	return func() {
		p.Helper()
		_ = cmd.Process.Signal(os.Interrupt)
		err := cmd.Wait()
		// Having written its file, perf ends by the signal.
		if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); err != nil && (!ok || status.Signal() != syscall.SIGINT) {
			p.Fatalf("record %s: %v\n%s", process, err, output.Bytes())
		}
	}
}

// list writes what perf has recorded of a process, without the data behind it.
func (p profile) list(process, what string, args ...string) {
	p.Helper()
	args = append([]string{"report", "--input=" + filepath.Join(p.dir, process+".data"), "--stdio", "--call-graph=none"}, args...)
	cmd := exec.CommandContext(p.Context(), p.program(), args...)
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	output, err := cmd.Output()
	if err != nil {
		p.Fatalf("list %s: %v\n%s", process, err, complaints.Bytes())
	}
	var lines []string
	for line := range strings.Lines(string(output)) {
		if line = strings.TrimRight(strings.TrimSpace(line), " -"); line != "" && !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	p.write(process+"-"+what, strings.Join(lines, "\n")+"\n")
}

func (p profile) write(what, text string) {
	p.Helper()
	if err := os.WriteFile(filepath.Join(p.dir, what+".txt"), []byte(text), 0o644); err != nil {
		p.Fatal(err)
	}
}

// statements runs statements on the target's server, and returns the last one's rows, a line each.
func (a *arena) statements(statements ...string) (lines string) {
	a.Helper()
	conn := a.connect("postgres")
	defer conn.Close(context.WithoutCancel(a.Context()))
	for _, statement := range statements {
		lines = ""
		rows, err := conn.Query(a.Context(), statement)
		a.must(err)
		for rows.Next() {
			values, err := rows.Values()
			a.must(err)
			lines += fmt.Sprintln(values...)
		}
		a.must(rows.Err())
	}
	return lines
}
