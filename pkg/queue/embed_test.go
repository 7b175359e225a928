package queue

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestEmbed(t *testing.T) {
	t.Run("a second server for one directory is refused, in this process and in another", func(t *testing.T) {
		dir := t.TempDir()
		server, err := Embed(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		defer server.Close()
		if second, err := Embed(t.Context(), dir); !InUse(err) {
			second.Close()
			t.Errorf("error %v, want one that InUse knows", err)
		}
		other := process{dir: dir}
		if line := other.launch(t); !strings.Contains(line, errInUse.Error()) {
			t.Errorf("the other process says %q", line)
		}
		_ = other.cmd.Wait() // with status 1
	})

	t.Run("it is found in its directory while it runs, and not after it was closed or killed", func(t *testing.T) {
		p := startProcess(t)
		p.connect(t)
		p.kill(t)
		if _, _, ok := Find(p.dir); ok {
			t.Error("a killed server is found")
		}
		dir := t.TempDir()
		if _, _, ok := Find(dir); ok {
			t.Error("a server is found in an empty directory")
		}
		server, err := Embed(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		if url, token, ok := Find(dir); !ok || url != server.URL() || token != server.Token() {
			t.Errorf("found %v at %s, it is at %s", ok, url, server.URL())
		}
		server.Close()
		if _, _, ok := Find(dir); ok {
			t.Error("a closed server is found")
		}
	})

	t.Run("it starts again where it was, unless the port is taken", func(t *testing.T) {
		dir := t.TempDir()
		first, err := Embed(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		first.Close()
		second, err := Embed(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		second.Close()
		if first.URL() != second.URL() || first.Token() != second.Token() {
			t.Errorf("it was at %s and is at %s", first.URL(), second.URL())
		}
		taken, err := net.Listen("tcp", strings.TrimPrefix(first.URL(), "nats://"))
		if err != nil {
			t.Fatal(err)
		}
		defer taken.Close()
		third, err := Embed(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		defer third.Close()
		if third.URL() == first.URL() {
			t.Errorf("it is at %s, which is taken", third.URL())
		}
	})

	t.Run("its directory and address are for the owner alone, and every write is synced", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "nats")
		server, err := Embed(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		defer server.Close()
		for path, want := range map[string]os.FileMode{dir: 0o700, addressPath(dir): 0o600} {
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			if info.Mode().Perm() != want {
				t.Errorf("%s has mode %o, want %o", path, info.Mode().Perm(), want)
			}
		}
		if config := server.nats.JetStreamConfig(); !config.SyncAlways || config.MaxStore != storeLimit {
			t.Errorf("sync always %v, store limit %d", config.SyncAlways, config.MaxStore)
		}
	})

	t.Run("a damaged address is replaced", func(t *testing.T) {
		dir := t.TempDir()
		if err := os.WriteFile(addressPath(dir), []byte("99999999\n\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		server, err := Embed(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		defer server.Close()
		if url, _, ok := Find(dir); !ok || url != server.URL() {
			t.Errorf("found %v at %s, it is at %s", ok, url, server.URL())
		}
	})

	t.Run("what keeps it from starting is told", func(t *testing.T) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "jetstream"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		server, err := Embed(t.Context(), dir)
		if err == nil {
			server.Close()
			t.Fatal("it starts with a file in place of its store")
		}
		if !strings.Contains(err.Error(), "directory") {
			t.Errorf("error %q does not say why", err)
		}
	})
}
