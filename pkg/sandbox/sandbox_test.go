package sandbox

import (
	"errors"
	"io/fs"
	"os"
	"testing"

	"github.com/jackc/pgx/v5"
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

func TestSharedServers(t *testing.T) {
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
