package settings

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
)

const (
	natsShape   = "nats://host:4222 or tls://host:4222, several with commas"
	credsHeader = "-----BEGIN NATS USER JWT-----"
)

// NATS is where the NATS servers are and who we are to them. Printed, logged or marshalled it is its Redacted form.
type NATS struct {
	// Creds is the content of a .creds file, for nats.UserCredentialBytes; empty when there is none.
	Creds Secret
	// NKey is the seed of a user's key, SU…; empty when there is none.
	NKey Secret

	tls      *tls.Config
	urls     Secret
	redacted string
	warnings []string
}

// ParseNATS reads one URL or several with commas between them, of the schemes nats, tls, ws and wss; HOST:PORT alone is
// nats. The error holds no user name, token or password.
func ParseNATS(text string) (*NATS, error) {
	var urls, shown []string
	exposed := false
	for part := range strings.SplitSeq(text, ",") {
		u, err := parseNATSServer(strings.TrimSpace(part))
		if err != nil {
			return nil, err
		}
		urls = append(urls, u.String())
		shown = append(shown, u.Scheme+"://"+u.Host)
		exposed = exposed || u.Scheme != "tls" && u.Scheme != "wss" && !isLoopback(u.Hostname())
	}
	n := &NATS{urls: NewSecret(strings.Join(urls, ",")), redacted: strings.Join(shown, ",")}
	if exposed {
		n.warnings = []string{fmt.Sprintf("the connection to %s leaves this machine and does not insist on encryption; write tls://, or say whom to trust with NATS_CA",
			n.redacted)}
	}
	return n, nil
}

func parseNATSServer(text string) (*url.URL, error) {
	if !strings.Contains(text, "://") {
		text = "nats://" + text
	}
	u, err := parseURL(text, natsShape, "nats", "tls", "ws", "wss")
	if err != nil {
		return nil, err
	}
	if u.Hostname() == "" {
		return nil, errors.New("names no host; write it as " + natsShape)
	}
	return u, nil
}

// Reveal returns the URLs with what secrets they hold, as nats.Connect takes them.
func (n NATS) Reveal() string { return n.urls.Reveal() }

// Redacted returns the scheme, host and port of every server. A user's name is left out, because alone it is a token.
func (n NATS) Redacted() string { return n.redacted }

// Warnings says what is unsafe about the connection: it may leave this machine unencrypted.
func (n NATS) Warnings() []string { return n.warnings }

// String returns Redacted.
func (n NATS) String() string { return n.Redacted() }

// GoString returns Redacted.
func (n NATS) GoString() string { return n.Redacted() }

// Format writes Redacted for every verb.
func (n NATS) Format(f fmt.State, _ rune) { writeMasked(f, n.Redacted()) }

// MarshalText returns Redacted.
func (n NATS) MarshalText() ([]byte, error) { return []byte(n.Redacted()), nil }

// LogValue returns Redacted.
func (n NATS) LogValue() slog.Value { return slog.StringValue(n.Redacted()) }

func natsHoldsSecret(text string) bool { return strings.Contains(text, "@") }

func applyNATS(s *Settings, text string) []string {
	n, err := ParseNATS(text)
	if err != nil {
		return []string{err.Error()}
	}
	s.NATS = n
	return nil
}

func isCreds(text string) bool {
	return strings.Contains(text, "-----BEGIN") || strings.HasPrefix(text, "SU") && !strings.ContainsAny(text, "./")
}
