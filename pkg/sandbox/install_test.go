package sandbox

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestInstall(t *testing.T) {
	t.Run("does nothing on a machine that has both", func(t *testing.T) {
		var out strings.Builder
		if err := Install(t.Context(), &out); err != nil || out.Len() != 0 {
			t.Errorf("Install = %v, and wrote %q", err, out.String())
		}
	})
	t.Run("runs apt-get once, without services and without a main cluster", func(t *testing.T) {
		root := machine(t)
		var ran []string
		i := installer{root: root, allowed: true, systemd: true, out: io.Discard,
			run: func(_ context.Context, argv ...string) error {
				if argv[0] == "apt-get" {
					mustExist(t, filepath.Join(root, policyFile), true)
					mustExist(t, filepath.Join(root, clusterFile), true)
				}
				ran = append(ran, strings.Join(argv, " "))
				return nil
			}}
		if err := i.install(t.Context(), []string{"mariadb-server", "postgresql", Faketime, Chromium, Pgloader}); err != nil {
			t.Fatal(err)
		}
		want := []string{
			"apt-get update",
			"apt-get install --yes --no-install-recommends mariadb-server postgresql faketime chromium pgloader",
			"systemctl disable mariadb postgresql",
		}
		if diff := cmp.Diff(want, ran); diff != "" {
			t.Errorf("commands (-want +got):\n%s", diff)
		}
		mustExist(t, filepath.Join(root, policyFile), false)
	})
	t.Run("lifts its ban on services when apt-get breaks", func(t *testing.T) {
		root, broken := machine(t), errors.New("no network")
		i := installer{root: root, allowed: true, out: io.Discard,
			run: func(context.Context, ...string) error { return broken }}
		if err := i.install(t.Context(), []string{"mariadb-server"}); !errors.Is(err, broken) {
			t.Errorf("install = %v, want %v", err, broken)
		}
		mustExist(t, filepath.Join(root, policyFile), false)
		mustExist(t, filepath.Join(root, clusterFile), false)
	})
	t.Run("names the commands where it may not install", func(t *testing.T) {
		err := installer{}.install(t.Context(), []string{"postgresql"})
		want := "postgresql not installed; run as root:\n  apt-get update\n  apt-get install --yes --no-install-recommends postgresql"
		if err == nil || err.Error() != want {
			t.Errorf("install = %v, want %s", err, want)
		}
	})
}

func machine(t *testing.T) string {
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "usr/sbin"), 0o755); err != nil {
		t.Fatal(err)
	}
	return root
}

func mustExist(t *testing.T, path string, want bool) {
	t.Helper()
	_, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) == want {
		t.Errorf("stat %s = %v, want existing %t", path, err, want)
	}
}
