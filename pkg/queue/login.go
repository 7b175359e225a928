package queue

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
)

// login returns the options by which the server knows us, and we it. Its errors show no secret.
func login(o Options) ([]nats.Option, error) {
	var options []nats.Option
	if o.TLS != nil {
		options = append(options, nats.Secure(o.TLS))
	}
	if o.Creds != "" {
		options = append(options, nats.UserCredentialBytes([]byte(o.Creds)))
	}
	if o.Token != "" {
		options = append(options, nats.Token(o.Token))
	}
	if o.NKey == "" {
		return options, nil
	}
	pair, err := nkeys.FromSeed([]byte(o.NKey))
	if err != nil {
		return nil, errors.New("the NKey is not the seed of a user") // whose text could be quoted
	}
	public, err := pair.PublicKey()
	if err != nil {
		return nil, fmt.Errorf("take the public key of the NKey: %w", err)
	}
	return append(options, nats.Nkey(public, pair.Sign)), nil
}

// advice says what to do about a connection that does not come about.
func advice(err error, o Options) string {
	if errors.Is(err, nats.ErrAuthorization) || errors.Is(err, nats.ErrNkeysNotSupported) {
		switch {
		case o.NKey != "":
			return "; the server does not know the NKey: its configuration has to list the public key that belongs to it"
		case o.Creds != "":
			return "; check that the credentials are of this server's operator, and have neither expired nor been revoked"
		}
		return "; check the URL's user and password, the token, the NKey or the credentials file"
	}
	return adviceTLS(err, o)
}

func adviceTLS(err error, o Options) string {
	var (
		unknown  x509.UnknownAuthorityError
		invalid  x509.CertificateInvalidError
		hostname x509.HostnameError
		plain    tls.RecordHeaderError
	)
	switch {
	case errors.As(err, &unknown):
		return "; name the certificate of the authority that has signed the server's with NATS_CA"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "; renew the server's certificate, or set this machine's clock"
	case errors.As(err, &invalid):
		return "; the server's certificate, or one of those that have signed it, must not be used so: make another"
	case errors.As(err, &hostname):
		return "; connect by a name that stands in the server's certificate, or make it one with this name in it"
	case errors.Is(err, nats.ErrSecureConnWanted):
		return "; the server does not encrypt: give it a tls block, or leave out tls:// and NATS_CA, NATS_CERT and NATS_KEY"
	case errors.As(err, &plain):
		return "; what answers there does not speak TLS"
	case ended(err) && (o.TLS == nil || len(o.TLS.Certificates) == 0):
		return "; the server ends it: where it wants a certificate of ours, give NATS_CERT and NATS_KEY"
	case ended(err):
		return "; the server ends it, and does not accept the certificate of NATS_CERT: an authority that it knows has to have signed it, for " +
			"clients, and it must not have expired"
	}
	return ""
}

// ended tells whether the server has ended a TLS connection. Why stands in an alert that may have been lost with it.
func ended(err error) bool {
	var link *net.OpError
	return errors.Is(err, nats.ErrTLS) || errors.As(err, &link) && link.Op == "remote error"
}
