package bench

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// A cost is what a load has taken of the machine.
type cost struct {
	Wall    float64 `json:"wall_s"`
	Own     float64 `json:"own_cpu_s"` // of the tool's processes, the databases' left out
	MariaDB float64 `json:"mariadb_cpu_s"`
	Target  float64 `json:"postgres_cpu_s"`
	Memory  float64 `json:"own_mib"` // the most that the tool's processes had, each at its own time
}

// familyTime is the CPU time that a process has had so far, with that of its children, and of those that it has waited for.
func familyTime(pid int) time.Duration {
	total := processTime(pid, true)
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid)) // each thread has its own
	for _, list := range lists {
		children, err := os.ReadFile(list)
		if err != nil {
			continue // the thread has ended
		}
		for child := range strings.FieldsSeq(string(children)) {
			if n, err := strconv.Atoi(child); err == nil {
				total += familyTime(n)
			}
		}
	}
	return total
}

// processTime is the CPU time of a process, 0 of one that has ended, with that of the children that it has waited for.
func processTime(pid int, children bool) time.Duration {
	const ticks = 100 // a second, on every Linux
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(stat), ") ") // the name may hold spaces
	fields := strings.Fields(rest)
	last := 13
	if children {
		last = 15
	}
	var sum int64
	for _, field := range fields[11:last] { // utime, stime, cutime, cstime
		n, _ := strconv.ParseInt(field, 10, 64)
		sum += n
	}
	return time.Duration(sum) * time.Second / ticks
}

// shell runs a command line.
func (a *arena) shell(c *cost, command string) {
	a.Helper()
	a.ran(c, exec.CommandContext(a.Context(), "bash", "-o", "pipefail", "-c", command))
}

// ran runs a command to its end and adds what it has spent.
func (a *arena) ran(c *cost, cmd *exec.Cmd) {
	a.Helper()
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	a.must(cmd.Start())
	var process errgroup.Group
	done := make(chan struct{})
	process.Go(func() error { defer close(done); return cmd.Wait() })
	c.Memory = max(c.Memory, peaks(cmd.Process.Pid, done))
	if err := process.Wait(); err != nil {
		a.Fatalf("%s: %v\n%s", filepath.Base(cmd.Path), err, output.Bytes())
	}
	c.Own += (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
}

// peaks is the sum, in MiB, of the most that a process and its descendants were seen to have. What the kernel says of one that has ended counts what its parent had
// when it was made.
func peaks(pid int, done <-chan struct{}) (sum float64) {
	marks := map[int]float64{}
	tick := time.NewTicker(look / 10)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			mark(pid, marks)
		case <-done:
			for _, mib := range marks {
				sum += mib
			}
			return sum
		}
	}
}

// mark notes the high-water marks of a process and its descendants. A later one is the better one: exec sets it back.
func mark(pid int, marks map[int]float64) {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid)) // it may have ended
	_, text, _ := strings.Cut(string(status), "\nVmHWM:")
	var kib float64
	if _, err := fmt.Sscan(text, &kib); err == nil {
		marks[pid] = kib / 1024
	}
	children, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, file := range children {
		pids, _ := os.ReadFile(file)
		for child := range strings.FieldsSeq(string(pids)) {
			if n, err := strconv.Atoi(child); err == nil {
				mark(n, marks)
			}
		}
	}
}

func TestMark(t *testing.T) {
	t.Run("has a process and all that it has started", func(t *testing.T) {
		cmd := exec.CommandContext(t.Context(), "bash", "-c", "cat | cat; true")
		input, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		marks := map[int]float64{}
		for deadline := time.Now().Add(10 * time.Second); len(marks) < 3 && time.Now().Before(deadline); {
			mark(cmd.Process.Pid, marks)
		}
		_ = input.Close()
		if err := cmd.Wait(); err != nil || len(marks) != 3 {
			t.Errorf("marks of %d processes, of 3; %v", len(marks), err)
		}
		for pid, mib := range marks {
			if mib <= 0 || mib > 100 {
				t.Errorf("process %d has had %v MiB", pid, mib)
			}
		}
	})
	t.Run("keeps what was seen of one that has ended", func(t *testing.T) {
		cmd := exec.CommandContext(t.Context(), "true")
		if err := cmd.Run(); err != nil {
			t.Fatal(err)
		}
		marks := map[int]float64{cmd.Process.Pid: 7}
		if mark(cmd.Process.Pid, marks); marks[cmd.Process.Pid] != 7 {
			t.Errorf("marks = %v", marks)
		}
	})
}
