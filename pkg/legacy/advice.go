package legacy

import (
	"context"
	"crypto/x509"
	"errors"
	"net"

	"github.com/go-sql-driver/mysql"
)

// advice says what an operator does about a connection that does not come about.
func advice(err error) string {
	var from *mysql.MySQLError
	if errors.As(err, &from) {
		return adviceOn(from.Number)
	}
	if words := adviceOnTLS(err); words != "" {
		return words
	}
	var link *net.OpError
	if errors.As(err, &link) || errors.Is(err, context.DeadlineExceeded) {
		return "; check host and port, that the server runs, and that no firewall stands between"
	}
	return ""
}

func adviceOn(number uint16) string {
	switch number {
	case 1045, 1698, 1524, 1251:
		return "; check user and password, from which hosts the user may come, and whether by TLS alone (tls=true)"
	case 3159:
		return "; add tls=true to the DSN"
	case 1044:
		return "; GRANT SELECT on the database to the user"
	case 1049:
		return "; check the database's name at the end of the DSN"
	case 1130, 1129:
		return "; let the server accept this machine"
	case 1040, 1203, 1226:
		return "; start fewer workers, or raise the server's max_connections"
	}
	return ""
}

// adviceOnTLS is advice where the two do not agree on encryption.
func adviceOnTLS(err error) string {
	var (
		unknown  x509.UnknownAuthorityError
		invalid  x509.CertificateInvalidError
		hostname x509.HostnameError
		link     *net.OpError
	)
	switch {
	case errors.As(err, &unknown):
		return "; have this machine trust the authority that signed the server's certificate: add it to those of the system, or name a file " +
			"with its certificate (PEM) in SSL_CERT_FILE"
	case errors.As(err, &invalid): // its time is over, mostly
		return "; give the server a new certificate, or set this machine's clock"
	case errors.As(err, &hostname):
		return "; connect by a name that stands in the server's certificate, or make it one with this name in it"
	case errors.Is(err, mysql.ErrNoTLS):
		return "; give the server a certificate (ssl_cert and ssl_key), or leave tls out of the DSN where the network between is trusted"
	case errors.As(err, &link) && link.Op == "remote error": // an alert of the server's
		return "; the server ends the encryption: it has to offer TLS 1.2 or 1.3"
	}
	return ""
}
