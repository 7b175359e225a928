package sandbox

import (
	"context"
	"fmt"
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sync/errgroup"
)

// process is one child, reaped as soon as it ends.
type process struct {
	cmd     *exec.Cmd
	started chan error
	done    chan struct{} // closed when the child has been reaped
	group   errgroup.Group
}

// startProcess starts cmd in a process group of its own, so that a Ctrl-C at the terminal does not reach it before us,
// and has the kernel send it death when this process ends, however it ends.
func startProcess(cmd *exec.Cmd, death syscall.Signal) (*process, error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	dieWithParent(cmd.SysProcAttr, death)

	p := &process{cmd: cmd, started: make(chan error, 1), done: make(chan struct{})}
	p.group.Go(p.run)
	if err := <-p.started; err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	return p, nil
}

// run stays on one operating-system thread for the child's whole life: to the kernel the parent is the thread that
// forked, and the child would be killed with it.
func (p *process) run() error {
	runtime.LockOSThread()
	defer close(p.done)
	err := p.cmd.Start()
	p.started <- err
	if err != nil {
		return err
	}
	return p.cmd.Wait()
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// signal ignores that the child may be gone already: whoever signals waits for done next.
func (p *process) signal(sig syscall.Signal) { _ = p.cmd.Process.Signal(sig) }

// wait returns the child's own error once it has ended, or kills its group and returns ctx's.
func (p *process) wait(ctx context.Context) error {
	select {
	case <-p.done:
		return p.group.Wait()
	case <-ctx.Done():
		_ = syscall.Kill(-p.pid(), syscall.SIGKILL)
		<-p.done
		return context.Cause(ctx)
	}
}

// runCommand runs a short command to its end; its output goes where cmd says.
func runCommand(ctx context.Context, cmd *exec.Cmd) error {
	p, err := startProcess(cmd, syscall.SIGKILL)
	if err != nil {
		return err
	}
	return p.wait(ctx)
}
