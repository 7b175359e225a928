package sandbox

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"testing"
)

// EncryptedLegacy starts a server of the test's own that offers TLS, MySQL in a build with the tag mysql and else MariaDB, and closes it when t
// ends. It returns the DSN of an empty database, which insists on TLS, and the path of the authority (PEM) that signed the server's certificate
// and that no machine trusts. Open heeds no more of the DSN than it does of others, and connects without.
func EncryptedLegacy(t testing.TB) (dsn, authority string) {
	t.Helper()
	opts := small
	opts.Cert, opts.Key = Certificate(t)
	server := startLegacy(t, opts)
	if err := server.exec(t.Context(), "CREATE DATABASE encrypted"); err != nil {
		t.Fatalf("create a legacy database: %v", err)
	}
	return server.DSN("encrypted") + "?tls=true", opts.Cert
}

// EncryptedPostgres starts a server of the test's own that offers TLS, and closes it when t ends. It returns the DSN of an empty database, which
// insists on TLS and on the server's certificate, and names its authority.
func EncryptedPostgres(t testing.TB) string {
	t.Helper()
	opts := small
	opts.Cert, opts.Key = Certificate(t)
	server, err := StartPostgres(t.Context(), opts)
	if err != nil {
		t.Fatalf("start a PostgreSQL for this test: %v", err)
	}
	t.Cleanup(func() { _ = server.Close() }) // its directory is swept by the next, else
	if err := server.exec(t.Context(), "CREATE DATABASE encrypted TEMPLATE template0"); err != nil {
		t.Fatalf("create a target database: %v", err)
	}
	dsn := serverURL("postgres", postgresSuperuser, server.password, server.port, "encrypted")
	dsn.RawQuery = url.Values{"sslmode": {"verify-full"}, "sslrootcert": {opts.Cert}}.Encode()
	return dsn.String()
}

// handOver copies certificate and key to where the server may read them, and returns the options that name the copies. A server reads them as
// its own account, which cannot enter everybody's directories, and PostgreSQL refuses a key of somebody else's.
func (o Options) handOver(into *home, runAs *account) (Options, error) {
	if o.Cert == "" {
		return o, nil
	}
	for name, path := range map[string]*string{"server.crt": &o.Cert, "server.key": &o.Key} {
		text, err := os.ReadFile(*path)
		if err == nil {
			*path = filepath.Join(into.path, name)
			err = runAs.writeFile(*path, string(text))
		}
		if err != nil {
			return o, fmt.Errorf("hand a server its certificate and key: %w", err)
		}
	}
	return o, nil
}

// mysqlTLS are the arguments by which MariaDB and MySQL offer TLS.
func (o Options) mysqlTLS() []string {
	if o.Cert == "" {
		return nil
	}
	return []string{"--ssl-cert=" + o.Cert, "--ssl-key=" + o.Key}
}
