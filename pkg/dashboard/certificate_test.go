package dashboard

import (
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"rehome/pkg/sandbox"
)

func TestCertificate(t *testing.T) {
	t.Parallel()
	cert, key := sandbox.Certificate(t)
	log := &lines{}
	c := &certificate{cert: cert, key: key, log: slog.New(slog.NewTextHandler(log, nil))}
	if err := c.load(); err != nil {
		t.Fatal(err)
	}
	first := c.current()
	replace := func(path, by string) {
		t.Helper()
		text, err := os.ReadFile(by)
		if err == nil {
			err = os.WriteFile(path, text, 0o600)
		}
		if err == nil {
			err = os.Chtimes(path, time.Now(), time.Now().Add(time.Duration(len(by))*time.Second)) // as clocks of file systems are coarse
		}
		if err != nil {
			t.Fatal(err)
		}
		c.asked = time.Time{}
	}
	newCert, newKey := sandbox.Certificate(t)
	replace(cert, newCert)
	if c.current() != first || !strings.Contains(log.String(), "goes on with the certificate that it has") {
		t.Errorf("a certificate whose key is not there yet is taken: %s", log)
	}
	replace(key, newKey)
	if c.current() == first {
		t.Error("a certificate that was replaced is not taken")
	}
	if _, err := TLS(cert, cert, slog.Default()); err == nil {
		t.Error("a key that is none is taken at the start")
	}
}
