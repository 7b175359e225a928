package programs

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"rehome/pkg/sandbox"
)

func TestMain(m *testing.M) { sandbox.Main(m) }

func limit(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func TestProcess(t *testing.T) {
	env := []string{"TARGET_DSN=" + sandbox.Postgres(t), "NATS_URL=" + sandbox.NATS(t).URL()}

	t.Run("tells its exit status and what it wrote", func(t *testing.T) {
		p := Start(t, Producer, env, "no-such-command")
		if exit := p.Wait(limit(t)); exit != 2 {
			t.Errorf("exit status %d, want 2", exit)
		}
		if !strings.Contains(p.Stderr(), "no-such-command") || p.Stdout() != "" {
			t.Errorf("stdout %q, stderr %q", p.Stdout(), p.Stderr())
		}
	})
	t.Run("has the environment that it was given, and the file in its directory", func(t *testing.T) {
		t.Setenv("REHOME_SLOTS", "none")
		dir := NewDir(t)
		dir.Write(t, "migration.yaml", "nmae: x\n")
		p := dir.Start(t, Producer, []string{"LEGACY_DSN=mysql://u:p@127.0.0.1/x", env[0]}, "check")
		if exit := p.Wait(limit(t)); exit != 2 || strings.Contains(p.Stderr(), "REHOME_SLOTS") || !strings.Contains(p.Stderr(), "nmae") {
			t.Errorf("exit status %d, stderr %q", exit, p.Stderr())
		}
	})
	t.Run("stands still, goes on, is measured and ends when it is asked to", func(t *testing.T) {
		p := Start(t, Aggregator, env)
		p.Stop()
		if rss := p.MaxRSS(); rss <= 0 || rss > 1<<30 {
			t.Errorf("peak memory %d bytes", rss)
		}
		p.Terminate()
		p.Continue()
		p.Wait(limit(t))
		if p.MaxRSS() <= 0 {
			t.Errorf("peak memory %d bytes after the end", p.MaxRSS())
		}
	})
	t.Run("is gone after a kill", func(t *testing.T) {
		p := Start(t, Aggregator, env)
		p.Kill()
		if exit := p.Wait(limit(t)); exit != -1 {
			t.Errorf("exit status %d, want -1", exit)
		}
	})
	t.Run("ends with its test", func(t *testing.T) {
		var p *Process
		if !t.Run("inner", func(t *testing.T) { p = Start(t, Aggregator, env) }) {
			return
		}
		select {
		case <-p.Done():
		default:
			t.Error("the process outlives the test that started it")
		}
	})
	t.Run("waits for the file of the pause point", func(t *testing.T) {
		p := Start(t, Aggregator, env)
		if err := os.WriteFile(p.pause, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		p.Paused(limit(t))
	})
}

func TestDump(t *testing.T) {
	fill := func(statements string) string {
		dsn := sandbox.Postgres(t)
		conn, err := pgx.Connect(t.Context(), dsn)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(t.Context())
		const schema = `CREATE TABLE t (id int, word text); CREATE SEQUENCE s; CREATE SCHEMA rehome; CREATE TABLE rehome.x (n int);`
		if _, err := conn.Exec(t.Context(), schema+statements); err != nil {
			t.Fatal(err)
		}
		return Dump(t, dsn)
	}
	first := fill(`INSERT INTO t VALUES (1, E'a\nCOPY b'), (2, '\.'); INSERT INTO rehome.x VALUES (1)`)
	t.Run("does not depend on the order of the rows, nor on the ledger", func(t *testing.T) {
		if diff := cmp.Diff(first, fill(`INSERT INTO t VALUES (2, '\.'), (1, E'a\nCOPY b'); INSERT INTO rehome.x VALUES (2)`)); diff != "" {
			t.Error(diff)
		}
	})
	for name, statements := range map[string]string{
		"a row that is missing":         `INSERT INTO t VALUES (1, E'a\nCOPY b')`,
		"a value that differs":          `INSERT INTO t VALUES (1, E'a\nCOPY b'), (2, '\,')`,
		"a sequence elsewhere":          `INSERT INTO t VALUES (1, E'a\nCOPY b'), (2, '\.'); SELECT setval('s', 7)`,
		"a row of a second table":       `INSERT INTO t VALUES (1, E'a\nCOPY b'), (2, '\.'); CREATE TABLE public.u AS SELECT 1`,
		"a row that there is twice now": `INSERT INTO t VALUES (1, E'a\nCOPY b'), (2, '\.'), (2, '\.')`,
	} {
		t.Run("shows "+name, func(t *testing.T) {
			if fill(statements) == first {
				t.Error("the dump is the same")
			}
		})
	}
}
