package queue

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"time"
)

var errInUse = errors.New("another process runs the queue's server there")

// InUse tells whether err came about because a server for the same directory is running.
func InUse(err error) bool { return errors.Is(err, errInUse) }

// lockTries and lockEvery outlast Find, which holds the lock for a moment.
const (
	lockTries = 10
	lockEvery = 50 * time.Millisecond
)

// lockDir takes the directory for this process. The kernel gives it up when the process ends, however it ends.
func lockDir(ctx context.Context, dir string) (*os.File, error) {
	file, err := os.OpenFile(lockPath(dir), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the lock: %w", err)
	}
	if err := tryLock(ctx, file); err != nil {
		holder, _ := io.ReadAll(io.LimitReader(file, 32))
		_ = file.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("directory %s: %w (process %.32q); stop it, or let it finish", dir, errInUse, strings.TrimSpace(string(holder)))
		}
		return nil, fmt.Errorf("lock %s: %w", lockPath(dir), err)
	}
	err = file.Truncate(0)
	if err == nil {
		_, err = fmt.Fprintln(file, os.Getpid())
	}
	if err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("write into %s: %w", lockPath(dir), err)
	}
	return file, nil
}

func tryLock(ctx context.Context, file *os.File) error {
	ticker := time.NewTicker(lockEvery)
	defer ticker.Stop()
	for try := 1; ; try++ {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EWOULDBLOCK) || try == lockTries {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

// served tells whether a process holds the directory's lock.
func served(dir string) bool {
	file, err := os.Open(lockPath(dir))
	if err != nil {
		return false
	}
	defer func() { _ = file.Close() }() // nothing is written to it
	return errors.Is(syscall.Flock(int(file.Fd()), syscall.LOCK_SH|syscall.LOCK_NB), syscall.EWOULDBLOCK)
}
