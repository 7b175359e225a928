package dashboard

import (
	"bytes"
	"sync"
)

// lines is a log that can be read while others write.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write keeps the text.
func (l *lines) Write(text []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(text)
}

// String is all of it.
func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
