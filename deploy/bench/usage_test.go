package bench

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A cost is what a load has taken of the machine.
type cost struct {
	Wall    float64 `json:"wall_s"`
	Own     float64 `json:"own_cpu_s"` // of the tool's processes, the databases' left out
	MariaDB float64 `json:"mariadb_cpu_s"`
	Target  float64 `json:"postgres_cpu_s"`
	Memory  float64 `json:"own_mib"` // the most that the tool's processes had, each at its own time
}

// serverTime is the CPU time that a server has had so far: its process, the ones that it has waited for, and its children.
func serverTime(t testing.TB, pid int) float64 {
	t.Helper()
	total := processTime(pid, true)
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		t.Fatalf("ask for the children of server %d: %v", pid, err)
	}
	for child := range strings.FieldsSeq(string(children)) {
		if n, err := strconv.Atoi(child); err == nil {
			total += processTime(n, true)
		}
	}
	return total.Seconds()
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

// spent adds what an ended process had.
func (c *cost) spent(state *os.ProcessState) {
	c.Own += (state.UserTime() + state.SystemTime()).Seconds()
	if usage, ok := state.SysUsage().(*syscall.Rusage); ok {
		c.Memory += float64(usage.Maxrss) / 1024
	}
}
