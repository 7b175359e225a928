package settings

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"regexp"
	"strings"
)

// natsLogin is what was given of who we are to the NATS servers, and of how they are known.
type natsLogin struct {
	creds, nkey Secret
	roots       *x509.CertPool
	cert, key   Secret   // PEM
	given       []string // the variables that are right, in the order in which they were read
	wrong       bool     // another was given too
}

// TLS returns whom to trust and what to show, for nats.Secure; nil when neither NATS_CA nor NATS_CERT is given.
func (n NATS) TLS() *tls.Config { return n.tls.Clone() }

// joinNATS completes NATS, whose settings are read apart.
func (s *Settings) joinNATS() (faults Faults) {
	fault := func(name, problem string) { faults = append(faults, Fault{Name: name, Problem: problem}) }
	l := &s.login
	if s.NATS == nil {
		for _, name := range l.given {
			fault(name, "is set and NATS_URL is not; give the servers' address, or neither")
		}
		return faults
	}
	s.NATS.Creds, s.NATS.NKey = l.creds, l.nkey
	if l.creds.Reveal() != "" && l.nkey.Reveal() != "" {
		fault("NATS_NKEY", "is set and NATS_CREDS is too; give one of them")
	}
	certificates, err := l.certificates()
	if err != nil {
		fault("NATS_CERT", err.Error())
	}
	if l.roots != nil || certificates != nil {
		s.NATS.tls = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: l.roots, Certificates: certificates}
		s.NATS.warnings = nil // where encryption is not to be had, no connection comes about
	}
	s.Warnings = append(s.Warnings, s.NATS.Warnings()...)
	return faults
}

// certificates returns what we show to the servers, if anything.
func (l *natsLogin) certificates() ([]tls.Certificate, error) {
	cert, key := l.cert.Reveal(), l.key.Reveal()
	switch {
	case l.wrong, cert == "" && key == "":
		return nil, nil
	case cert == "" || key == "":
		return nil, fmt.Errorf("and NATS_KEY belong together, and one of them is missing")
	}
	pair, err := tls.X509KeyPair([]byte(cert), []byte(key))
	if err != nil {
		return nil, fmt.Errorf("is not a certificate to which NATS_KEY is the private key: %w", err)
	}
	return []tls.Certificate{pair}, nil
}

var seed = regexp.MustCompile(`\bSU[A-Z2-7]{56}\b`)

func isSeed(text string) bool { return seed.MatchString(text) }

func isPEM(text string) bool { return strings.Contains(text, "-----BEGIN") }

// content returns the text of a setting that is the path of a file, as NATS's own tools take it, or what stands in such a file, which is
// what the variable with _FILE at its end gives.
func content(text, what string, is func(string) bool) (found, problem string) {
	if is(text) {
		return text, ""
	}
	found, err := readValue(text)
	if err != nil {
		return "", fmt.Sprintf("read the %s that it names: %s", what, err)
	}
	return found, ""
}

// note says that a setting of the login was given and is right.
func (l *natsLogin) note(name, problem string) []string {
	if problem != "" {
		l.wrong = true
		return []string{problem}
	}
	l.given = append(l.given, name)
	return nil
}

func applyCreds(s *Settings, text string) []string {
	found, problem := content(text, ".creds file", isCreds)
	if problem == "" && !strings.Contains(found, credsHeader) {
		problem = "is not the content of a .creds file, which begins with " + credsHeader
	}
	s.login.creds = NewSecret(found)
	return s.login.note("NATS_CREDS", problem)
}

func applyNKey(s *Settings, text string) []string {
	found, problem := content(text, "file of a seed", isSeed)
	key := seed.FindString(found)
	if problem == "" && key == "" {
		problem = "is not the seed of a user, 58 letters and digits that begin with SU"
	}
	s.login.nkey = NewSecret(key)
	return s.login.note("NATS_NKEY", problem)
}

func applyCA(s *Settings, text string) []string {
	found, problem := content(text, "file of certificates", isPEM)
	roots := x509.NewCertPool()
	if problem == "" && !roots.AppendCertsFromPEM([]byte(found)) {
		problem = "holds no certificate; it has to be in PEM, which begins with -----BEGIN CERTIFICATE-----"
	}
	s.login.roots = roots
	return s.login.note("NATS_CA", problem)
}

func applyCert(s *Settings, text string) []string {
	found, problem := content(text, "certificate", isPEM)
	s.login.cert = NewSecret(found)
	return s.login.note("NATS_CERT", problem)
}

func applyKey(s *Settings, text string) []string {
	found, problem := content(text, "private key", isPEM)
	s.login.key = NewSecret(found)
	return s.login.note("NATS_KEY", problem)
}
