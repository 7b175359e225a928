package sandbox

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"unsafe"
)

const (
	ipcRemove = 0 // IPC_RMID of <linux/ipc.h>
	fileSize  = 1 // RLIMIT_FSIZE of <linux/resource.h>
)

func dieWithParent(attr *syscall.SysProcAttr, death syscall.Signal) { attr.Pdeathsig = death }

// children lists the direct children of pid.
func children(pid int) []int {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "task", strconv.Itoa(pid), "children"))
	if err != nil {
		return nil
	}
	var pids []int
	for field := range strings.FieldsSeq(string(text)) {
		if child, err := strconv.Atoi(field); err == nil {
			pids = append(pids, child)
		}
	}
	return pids
}

// alive says whether pid still runs; one that only waits to be reaped by somebody else does not.
func alive(pid int) bool {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	return !strings.HasPrefix(rest, "Z") && !strings.HasPrefix(rest, "X")
}

// removeSegment frees a System V shared memory segment that a killed PostgreSQL left.
func removeSegment(id int) {
	_, _, _ = syscall.Syscall(syscall.SYS_SHMCTL, uintptr(id), ipcRemove, 0)
}

// limitFiles makes every write of a process fail that makes a file longer.
func limitFiles(pid int) error {
	none := [2]uint64{}
	_, _, errno := syscall.RawSyscall6(syscall.SYS_PRLIMIT64, uintptr(pid), fileSize, uintptr(unsafe.Pointer(&none)), 0, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}
