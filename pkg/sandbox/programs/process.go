package programs

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	lookEvery = 5 * time.Millisecond
	shown     = 16 << 10 // bytes of each output that a failed test shows
)

// Process is a program that runs, or has run. Its methods are for the goroutine of the test that started it, which they fail
// when they cannot do what they are asked for.
type Process struct {
	t       testing.TB
	name    string
	pause   string
	cmd     *exec.Cmd
	stdout  output
	stderr  output
	started chan error
	done    chan struct{} // closed when the process has been reaped
	group   errgroup.Group
}

// Start starts a program (Producer, Worker or Aggregator) in the Dir. Its environment is env, as in
// []string{"TARGET_DSN=…", "REHOME_PAUSE_AT=claimed:3"}, with PATH, HOME and the file for a pause point; nothing of the
// test's own gets through. The process is killed when t ends, and its output shown when t has failed.
func (d Dir) Start(t testing.TB, program string, env []string, args ...string) *Process {
	t.Helper()
	p := &Process{
		t: t, name: program, pause: filepath.Join(t.TempDir(), "paused"),
		cmd:     exec.CommandContext(t.Context(), filepath.Join(Build(t), program), args...),
		started: make(chan error, 1), done: make(chan struct{}),
	}
	p.cmd.Dir = string(d)
	p.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + string(d), "REHOME_PAUSE_FILE=" + p.pause}, env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	// A Ctrl-C at the terminal is for the test.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	dieWithParent(p.cmd.SysProcAttr)
	p.group.Go(p.run)
	if err := <-p.started; err != nil {
		t.Fatalf("start %s: %v", program, err)
	}
	t.Cleanup(p.end)
	return p
}

// run stays on one operating-system thread for the process's whole life: to the kernel the parent is the thread that forked,
// and the process would be killed with it.
func (p *Process) run() error {
	runtime.LockOSThread()
	defer close(p.done)
	err := p.cmd.Start()
	p.started <- err
	if err != nil {
		return err
	}
	return p.cmd.Wait()
}

func (p *Process) end() {
	p.Kill()
	if p.t.Failed() {
		p.t.Logf("%s (process %d, %s)\nstdout: %s\nstderr: %s", p.name, p.PID(), p.cmd.ProcessState, p.stdout.tail(), p.stderr.tail())
	}
}

// PID is the process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Stdout is what the process has written to its standard output so far.
func (p *Process) Stdout() string { return p.stdout.String() }

// Stderr is what the process has written to its standard error so far.
func (p *Process) Stderr() string { return p.stderr.String() }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Wait waits for the end of the process and returns its exit status, -1 when a signal ended it. It fails the test when ctx
// ends first.
func (p *Process) Wait(ctx context.Context) (exit int) {
	p.t.Helper()
	select {
	case <-p.done:
		return p.cmd.ProcessState.ExitCode()
	case <-ctx.Done():
		p.t.Fatalf("wait for the end of %s: %v", p.name, context.Cause(ctx))
		return 0
	}
}

// Paused waits until the process has come to the point that REHOME_PAUSE_AT names. It fails the test when the process or ctx
// ends first.
func (p *Process) Paused(ctx context.Context) {
	p.t.Helper()
	p.await(ctx, "its pause point", func() bool {
		_, err := os.Stat(p.pause)
		return err == nil
	})
}

// Kill sends SIGKILL and returns when the process is gone; one that has ended is left alone.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // it may have ended already
	<-p.done
}

// Stop sends SIGSTOP and returns when the process stands still.
func (p *Process) Stop() {
	p.t.Helper()
	p.signal(syscall.SIGSTOP)
	p.await(p.t.Context(), "standing still", func() bool { return standsStill(p.PID()) })
}

// Freeze sends SIGSTOP. It does not wait, and may meet a process that is ending.
func (p *Process) Freeze() { p.signal(syscall.SIGSTOP) }

// Continue lets a process that was stopped go on.
func (p *Process) Continue() { p.signal(syscall.SIGCONT) }

// Interrupt sends SIGINT, as Ctrl-C does. It does not wait.
func (p *Process) Interrupt() { p.signal(syscall.SIGINT) }

// Terminate sends SIGTERM, as a service manager does. It does not wait.
func (p *Process) Terminate() { p.signal(syscall.SIGTERM) }

func (p *Process) signal(sig syscall.Signal) { _ = p.cmd.Process.Signal(sig) } // whoever signals waits for the effect next

// await polls for what no event tells.
func (p *Process) await(ctx context.Context, what string, reached func() bool) {
	p.t.Helper()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for !reached() {
		select {
		case <-tick.C:
		case <-p.done:
			p.t.Fatalf("wait for %s of %s: it ended (%s)", what, p.name, p.cmd.ProcessState)
		case <-ctx.Done():
			p.t.Fatalf("wait for %s of %s: %v", what, p.name, context.Cause(ctx))
		}
	}
}

// MaxRSS is the most resident memory, in bytes, that the process has had at once. Ask while the process runs, where that is
// possible: of one that has ended the kernel knows only a figure that also counts what the test process itself had when it
// forked.
func (p *Process) MaxRSS() int64 {
	p.t.Helper()
	if peak := peakMemory(p.PID()); peak > 0 {
		return peak
	}
	<-p.done
	usage, ok := p.cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		p.t.Fatalf("ask for the memory of %s: this system does not tell", p.name)
	}
	return maxRSS(usage)
}

// CPU is the time that the process, which must have ended, has had of the machine's processors.
func (p *Process) CPU() time.Duration {
	p.t.Helper()
	<-p.done
	return p.cmd.ProcessState.UserTime() + p.cmd.ProcessState.SystemTime()
}

// output collects what a process writes, and can be read meanwhile.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(text []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(text)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

func (o *output) tail() string {
	text := o.String()
	if cut := len(text) - shown; cut > 0 {
		return fmt.Sprintf("(%d bytes before this)\n%s", cut, text[cut:])
	}
	return text
}
