package target

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// address is where a configuration leads to, for a person: user@host:port/database.
func address(config *pgx.ConnConfig) string {
	host := "unix(" + config.Host + ")"
	if !strings.HasPrefix(config.Host, "/") {
		host = net.JoinHostPort(config.Host, strconv.Itoa(int(config.Port)))
	}
	return config.User + "@" + host + "/" + config.Database
}

// explain says what was attempted, where, why it failed and what to do, instead of one line per address that was tried.
func explain(config *pgx.ConnConfig, err error) error {
	if connect := (*pgconn.ConnectError)(nil); !errors.As(err, &connect) {
		return err
	}
	cause, next := err, "is PostgreSQL running there, and may this machine reach it?"
	if refused := (*pgconn.PgError)(nil); errors.As(err, &refused) {
		cause, next = refused, advice(refused.Code)
	} else if words, refused := onCertificate(err); refused != nil {
		cause, next = refused, words
	} else if dial := (*net.OpError)(nil); errors.As(err, &dial) {
		cause = dial
	}
	return fmt.Errorf("connect to PostgreSQL %s: %w; %s", address(config), cause, next)
}

// onCertificate returns what to do about a server's certificate that is refused, and why it is; nil where it is not.
func onCertificate(err error) (next string, cause error) {
	var (
		unknown  x509.UnknownAuthorityError
		invalid  x509.CertificateInvalidError
		hostname x509.HostnameError
	)
	switch {
	case errors.As(err, &unknown):
		return "name a file with the certificate (PEM) of the authority that signed the server's by sslrootcert in TARGET_DSN", unknown
	case errors.As(err, &invalid): // its time is over, mostly
		return "give the server a new certificate, or set this machine's clock", invalid
	case errors.As(err, &hostname):
		return "connect by a name that stands in the server's certificate, or make it one with this name in it", hostname
	}
	return "", nil
}

func advice(code string) string {
	switch code {
	case "28P01":
		return "check user and password in TARGET_DSN"
	case "28000":
		return "check the user in TARGET_DSN and the server's pg_hba.conf"
	case "3D000":
		return "check the database in TARGET_DSN, or create it"
	case "42501":
		return "GRANT CONNECT on the database to this user"
	case "53300":
		return "raise max_connections, or start fewer slots"
	case "57P03":
		return "the server is starting or stopping; try again when it is up"
	case "08P01":
		return "a proxy between does not pass the protocol on; connect to the server itself"
	}
	return "see the server's log"
}
