package sandbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// A Clock is the time of day of servers that were started with it: the machine's, until it is made to jump. It works by libfaketime,
// which does not reach Go programs. What a server measures by the monotonic clock goes on undisturbed. The caller closes it when
// the servers are gone.
type Clock struct {
	home    *home
	library string
}

// clockFile tells libfaketime how far the clock is off. It is read again within a second.
const clockFile = "clock"

// NewClock makes a clock that shows the machine's time. The error is a *MissingError when libfaketime is not installed.
func NewClock() (*Clock, error) {
	library, err := findFaketime()
	if err != nil {
		return nil, err
	}
	dir, err := newHome("")
	if err != nil {
		return nil, err
	}
	c := &Clock{home: dir, library: library}
	if err := c.Set(0); err != nil {
		return nil, errors.Join(err, dir.remove())
	}
	return c, nil
}

// Set makes the clock show the machine's time and offset, which may be negative, within a second.
func (c *Clock) Set(offset time.Duration) error {
	draft := filepath.Join(c.home.path, clockFile+".new")
	err := os.WriteFile(draft, fmt.Appendf(nil, "%+d\n", int64(offset/time.Second)), 0o644)
	if err == nil {
		err = os.Rename(draft, filepath.Join(c.home.path, clockFile))
	}
	if err != nil {
		return fmt.Errorf("set the clock of the servers: %w", err)
	}
	return nil
}

// Close removes what the clock is kept in. It may be called more than once.
func (c *Clock) Close() error { return c.home.remove() }

// environ returns the environment of a server that goes by the clock; by the machine's, where c is nil.
func (c *Clock) environ() []string {
	if c == nil {
		return nil
	}
	return append(os.Environ(), "LD_PRELOAD="+c.library, "FAKETIME_TIMESTAMP_FILE="+filepath.Join(c.home.path, clockFile),
		"FAKETIME_CACHE_DURATION=1", "FAKETIME_DONT_FAKE_MONOTONIC=1", "FAKETIME_DONT_RESET=1", "FAKETIME_NO_CACHE=0")
}

// findFaketime finds the library that Debian's package installs.
func findFaketime() (string, error) {
	for _, pattern := range []string{"/usr/lib/*/faketime/libfaketimeMT.so.1", "/usr/lib*/faketime/libfaketimeMT.so.1", "/usr/local/lib/faketime/libfaketimeMT.so.1"} {
		if found, err := filepath.Glob(pattern); err == nil && len(found) > 0 {
			return found[0], nil
		}
	}
	return "", &MissingError{Program: "libfaketime", Package: Faketime}
}
