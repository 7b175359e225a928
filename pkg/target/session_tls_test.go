package target

import (
	"crypto/tls"
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"rehome/pkg/sandbox"
)

func TestConnectByTLS(t *testing.T) {
	t.Parallel()
	good, err := pgx.ParseConfig(sandbox.EncryptedPostgres(t))
	must(t, err)
	for _, c := range []struct {
		name   string
		change func(*tls.Config)
		says   []string // empty: it connects
	}{
		{"a server whose authority we know is accepted", func(*tls.Config) {}, nil},
		{"a server of an authority that we do not know is refused", func(c *tls.Config) { c.RootCAs = x509.NewCertPool() }, []string{"unknown authority", "sslrootcert in TARGET_DSN"}},
		{"a server of another name is refused", func(c *tls.Config) { c.ServerName = "target.example" }, []string{"target.example", "by a name that stands in the server's certificate"}},
		{"a server whose certificate has expired is refused", func(c *tls.Config) { c.Time = func() time.Time { return time.Now().AddDate(1, 0, 0) } }, []string{"expired", "a new certificate"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := good.Copy()
			c.change(config.TLSConfig)
			conn, err := Connect(t.Context(), config, "test")
			if c.says == nil {
				must(t, err)
				var encrypted bool
				must(t, conn.QueryRow(t.Context(), `SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()`).Scan(&encrypted))
				if !encrypted {
					t.Error("it is not encrypted")
				}
				must(t, conn.Close(t.Context()))
				return
			}
			expect(t, err, append(c.says, "connect to PostgreSQL "+address(config))...)
			if strings.Contains(err.Error(), good.Password) || strings.Contains(err.Error(), "is PostgreSQL running") {
				t.Errorf("got %q", err)
			}
		})
	}
}
