package ledger

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"rehome/pkg/sandbox"
)

// withStep returns the ledger's own files and one more, as many steps behind the next as are skipped.
func withStep(t *testing.T, skipped int, name, ddl string) fs.FS {
	t.Helper()
	all, err := steps(schemaFiles)
	if err != nil {
		t.Fatal(err)
	}
	files := fstest.MapFS{fmt.Sprintf("schema/%04d_%s", len(all)+1+skipped, name): {Data: []byte(ddl)}}
	for _, s := range all {
		files["schema/"+s.name] = &fstest.MapFile{Data: []byte(s.ddl)}
	}
	return files
}

func wantText(t *testing.T, err error, text string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), text) {
		t.Fatalf("got error %v, want one that says %q", err, text)
	}
}

func run(t *testing.T, conn *pgx.Conn, sql string) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func TestInstall(t *testing.T) {
	t.Run("an empty database gets a whole ledger, and the second time nothing", func(t *testing.T) {
		conn := connect(t, sandbox.Postgres(t))
		if err := CheckVersion(t.Context(), conn); !errors.Is(err, ErrAbsent) {
			t.Fatalf("before: got %v, want ErrAbsent", err)
		}
		for range 2 {
			if err := Install(t.Context(), conn); err != nil {
				t.Fatal(err)
			}
			if err := CheckVersion(t.Context(), conn); err != nil {
				t.Fatal(err)
			}
		}
	})
	t.Run("an empty schema that an administrator made is used", func(t *testing.T) {
		conn := connect(t, sandbox.Postgres(t))
		run(t, conn, `CREATE SCHEMA rehome`)
		if err := CheckVersion(t.Context(), conn); !errors.Is(err, ErrAbsent) {
			t.Fatalf("before: got %v, want ErrAbsent", err)
		}
		if err := Install(t.Context(), conn); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("many programs install at once", func(t *testing.T) {
		dsn := sandbox.Postgres(t)
		var group errgroup.Group
		for range 8 {
			conn := connect(t, dsn)
			group.Go(func() error { return Install(t.Context(), conn) })
		}
		if err := group.Wait(); err != nil {
			t.Fatal(err)
		}
		if err := CheckVersion(t.Context(), connect(t, dsn)); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("a step that fails leaves nothing", func(t *testing.T) {
		conn := connect(t, sandbox.Postgres(t))
		err := install(t.Context(), conn, withStep(t, 0, "bad.sql", `ALTER TABLE rehome.nowhere ADD x int`))
		wantText(t, err, "_bad.sql to the ledger")
		if err := CheckVersion(t.Context(), conn); !errors.Is(err, ErrAbsent) {
			t.Fatalf("after: got %v, want ErrAbsent", err)
		}
	})
	t.Run("a gap in the files is a defect of the program", func(t *testing.T) {
		wantText(t, install(t.Context(), connect(t, sandbox.Postgres(t)), withStep(t, 1, "far.sql", ``)), "gap before ")
	})
}

func TestUpgrade(t *testing.T) {
	b := newBench(t)
	m := b.plan("m")
	conn := b.connect()
	b.move(conn, id(m, 0), []string{"1", "2"})
	next := withStep(t, 0, "note.sql", `ALTER TABLE rehome.shard ADD note text NOT NULL DEFAULT 'none'`)

	wantText(t, checkVersion(t.Context(), conn, next), "start the producer of this release once")
	if err := install(t.Context(), conn, next); err != nil {
		t.Fatal(err)
	}
	t.Run("an upgraded ledger keeps what it held", func(t *testing.T) {
		if err := checkVersion(t.Context(), conn, next); err != nil {
			t.Fatal(err)
		}
		if got := query[int](b, `SELECT count(*) FROM rehome.shard WHERE note = 'none'`); got != 3 {
			t.Fatalf("%d shards have the new column, want 3", got)
		}
		b.claim(conn, id(m, 0), Done)
		b.claim(conn, id(m, 1), Claimed)
	})
	t.Run("an older program refuses it", func(t *testing.T) {
		wantText(t, CheckVersion(t.Context(), conn), "use the release that made it")
		wantText(t, Install(t.Context(), conn), "use the release that made it")
	})
}

func TestDamagedLedger(t *testing.T) {
	cases := map[string]struct{ damage, says string }{
		"a table is missing":              {`DROP TABLE rehome.waiting`, "lacks waiting"},
		"the view is missing":             {`DROP VIEW rehome.users`, "lacks users"},
		"the versions are missing":        {`DROP TABLE rehome.version`, "no rehome.version"},
		"a version is missing":            {`UPDATE rehome.version SET number = 100 + number`, "version 1 is missing"},
		"another build has made it":       {`UPDATE rehome.version SET sha256 = '\x00'`, "another build"},
		"the schema is somebody else's":   {`DROP SCHEMA rehome CASCADE; CREATE SCHEMA rehome; CREATE TABLE rehome.a (b int)`, `holds "a"`},
		"a sequence of somebody is there": {`DROP SCHEMA rehome CASCADE; CREATE SCHEMA rehome; CREATE SEQUENCE rehome.s`, `holds "s"`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			conn := b.connect()
			run(t, conn, c.damage)
			wantText(t, CheckVersion(t.Context(), conn), c.says)
			wantText(t, Install(t.Context(), conn), c.says)
		})
	}
}
