package queue

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
)

// A serverLog passes on what an operator has to know of the embedded server, and keeps why it could not start: the server tells its
// log alone.
type serverLog struct {
	mu  sync.Mutex
	why error
}

// Noticef drops what is only of interest to the server's own operator.
func (*serverLog) Noticef(string, ...any) {}

// Debugf drops.
func (*serverLog) Debugf(string, ...any) {}

// Tracef drops.
func (*serverLog) Tracef(string, ...any) {}

// Warnf passes on.
func (*serverLog) Warnf(format string, v ...any) {
	slog.Warn("the embedded NATS server warns", "err", fmt.Sprintf(format, v...))
}

// Errorf passes on.
func (*serverLog) Errorf(format string, v ...any) {
	slog.Error("the embedded NATS server reports an error", "err", fmt.Sprintf(format, v...))
}

// Fatalf keeps the reason; unlike the server's own log it does not end the process.
func (l *serverLog) Fatalf(format string, v ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.why = errors.Join(l.why, fmt.Errorf(format, v...))
}

func (l *serverLog) fatal() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.why
}
