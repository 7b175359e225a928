package sandbox

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"
	"golang.org/x/sync/errgroup"
)

func TestSandbox(t *testing.T) {
	t.Run("two at once start, answer and leave nothing behind", func(t *testing.T) {
		var group errgroup.Group
		for range 2 {
			group.Go(func() error {
				s, err := Start(t.Context(), Options{Fast: true, BufferPool: 16})
				if err != nil {
					return err
				}
				pids := []int{s.Legacy.PID(), s.Target.PID()}
				pids = append(pids, children(s.Target.PID())...)
				err = errors.Join(s.Legacy.ping(t.Context()), s.Target.ping(t.Context()), s.Close(), s.Close())
				for _, pid := range pids {
					if alive(pid) {
						t.Errorf("process %d outlives its sandbox", pid)
					}
				}
				for _, dir := range []string{s.Legacy.Dir(), s.Target.Dir()} {
					if _, statErr := os.Stat(dir); !errors.Is(statErr, fs.ErrNotExist) {
						t.Errorf("directory %s is left: %v", dir, statErr)
					}
				}
				return err
			})
		}
		if err := group.Wait(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestAccount(t *testing.T) {
	t.Run("says which directory keeps the server's user out", func(t *testing.T) {
		dir := t.TempDir()
		if err := os.Chmod(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		server := &account{uid: 65534, gid: 65534}
		if err := server.mkdir(filepath.Join(dir, "data")); err == nil || !strings.Contains(err.Error(), dir+": set TMPDIR") {
			t.Errorf("mkdir = %v", err)
		}
	})
}

func TestSharedServers(t *testing.T) {
	t.Run("have no goroutine that IgnoreCurrent does not cover", func(t *testing.T) {
		MariaDB(t)
		Postgres(t)
		before := goleak.IgnoreCurrent()
		MariaDB(t)
		Postgres(t)
		goleak.VerifyNone(t, before)
	})
	t.Run("each test has databases of its own on both", func(t *testing.T) {
		if one, other := MariaDB(t), MariaDB(t); one == other {
			t.Errorf("MariaDB returned %s twice", one)
		}
		conn, err := pgx.Connect(t.Context(), Postgres(t))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close(t.Context()) })
	})
}
