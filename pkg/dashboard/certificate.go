package dashboard

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// certificateEvery is how often it is asked whether the files of a certificate are others.
const certificateEvery = 10 * time.Second

// A certificate is that of two files, which somebody replaces before it expires.
type certificate struct {
	cert, key string // paths
	log       *slog.Logger

	mu      sync.Mutex
	loaded  *tls.Certificate
	changed [2]time.Time // of the files that were loaded
	asked   time.Time
}

// TLS returns how to encrypt with the certificate and the key of two files (PEM), which are read again when they have changed. One that cannot be read leaves the one
// before in place, and is told to the log.
func TLS(cert, key string, log *slog.Logger) (*tls.Config, error) {
	c := &certificate{cert: cert, key: key, log: log}
	if err := c.load(); err != nil {
		return nil, err
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current(), nil }}, nil
}

func (c *certificate) load() error {
	c.asked = time.Now()
	at, err := c.times()
	if err != nil {
		return fmt.Errorf("read the dashboard's certificate: %w", err)
	}
	if c.loaded != nil && at == c.changed {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(c.cert, c.key)
	if err != nil {
		return fmt.Errorf("read the dashboard's certificate: %w", err)
	}
	c.loaded, c.changed = &pair, at
	return nil
}

func (c *certificate) times() (at [2]time.Time, err error) {
	for i, path := range []string{c.cert, c.key} {
		info, err := os.Stat(path)
		if err != nil {
			return at, err
		}
		at[i] = info.ModTime()
	}
	return at, nil
}

func (c *certificate) current() *tls.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.asked) >= certificateEvery {
		if err := c.load(); err != nil {
			c.log.Error("the dashboard goes on with the certificate that it has", "err", err)
		}
	}
	return c.loaded
}
