package sandbox

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestEndOfOwner(t *testing.T) {
	t.Run("told to end, it takes its servers and directories along", func(t *testing.T) {
		for _, signal := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
			child, held := hold(t, openDir(t), nil)
			end(t, child, signal)
			if got := child.ProcessState.ExitCode(); got != interrupted {
				t.Errorf("exit status after %s = %d, want %d", signal, got, interrupted)
			}
			mustBeGone(t, held)
		}
	})
	t.Run("told to end, it does so as an ordinary user too", func(t *testing.T) {
		nobody, err := serverAccount("nobody")
		if err != nil {
			t.Fatal(err)
		}
		child, held := hold(t, openDir(t), nobody)
		end(t, child, os.Interrupt)
		mustBeGone(t, held)
	})
	t.Run("killed, its servers die and the next sandbox sweeps", func(t *testing.T) {
		dir := openDir(t)
		living, err := newHome(dir)
		if err != nil {
			t.Fatal(err)
		}
		child, held := hold(t, dir, nil)
		end(t, child, os.Kill)
		if err := awaitGone(held.PIDs, killLimit); err != nil {
			t.Fatal(err)
		}
		next, err := newHome(dir)
		if err != nil {
			t.Fatal(err)
		}
		mustBeGone(t, held)
		for _, h := range []*home{living, next} {
			if _, err := os.Stat(h.path); err != nil {
				t.Errorf("a living sandbox was swept: %v", err)
			}
			if err := h.remove(); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestSweep(t *testing.T) {
	t.Run("leaves alone what has no marker of ours", func(t *testing.T) {
		dir := t.TempDir()
		unmarked, other := filepath.Join(dir, homePrefix+"1"), filepath.Join(dir, "other")
		for _, path := range []string{unmarked, other} {
			if err := os.Mkdir(path, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(other, homeMarker), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		sweep(dir)
		for _, path := range []string{unmarked, other} {
			if _, err := os.Stat(path); err != nil {
				t.Errorf("sweep removed %s: %v", path, err)
			}
		}
	})
}

// hold starts a copy of this test binary that holds a sandbox under dir.
func hold(t *testing.T, dir string, runAs *account) (*exec.Cmd, holding) {
	t.Helper()
	child := exec.Command(copyOfUs(t), "-test.run=^TestHolder$")
	child.Env = append(os.Environ(), holderEnv+"=1", "TMPDIR="+dir)
	child.Dir, child.Stderr, child.SysProcAttr = dir, os.Stderr, runAs.attr()
	stdout, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		var held holding
		if strings.HasPrefix(lines.Text(), "{") && json.Unmarshal(lines.Bytes(), &held) == nil {
			return child, held
		}
		t.Log(lines.Text())
	}
	t.Fatalf("the child ended before it held a sandbox: %v", child.Wait())
	return nil, holding{}
}

func end(t *testing.T, child *exec.Cmd, signal os.Signal) {
	t.Helper()
	if err := child.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := child.Wait(); !errors.As(err, &exit) {
		t.Fatalf("the child ended with %v", err)
	}
}

func mustBeGone(t *testing.T, held holding) {
	t.Helper()
	for _, pid := range held.PIDs {
		if alive(pid) {
			t.Errorf("server %d is alive", pid)
		}
	}
	for _, dir := range held.Dirs {
		if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("directory %s is left: %v", dir, err)
		}
	}
}

// openDir is a temporary directory that every user may use, as /tmp is.
func openDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, path := range []string{filepath.Dir(dir), dir} {
		if err := os.Chmod(path, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// copyOfUs is for a user who may not enter the directory that the test binary was built in.
func copyOfUs(t *testing.T) string {
	t.Helper()
	binary, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer binary.Close()
	copied, err := os.OpenFile(filepath.Join(t.TempDir(), "sandbox.test"), os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(copied, binary)
	if err := errors.Join(err, copied.Close(), os.Chmod(filepath.Dir(filepath.Dir(copied.Name())), 0o755)); err != nil {
		t.Fatal(err)
	}
	return copied.Name()
}
