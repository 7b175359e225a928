package legacy

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/google/go-cmp/cmp"

	"rehome/pkg/sandbox"
	"rehome/pkg/settings"
	"rehome/pkg/shard"
	"rehome/pkg/value"
)

// An encryptedFixture is a database whose server offers TLS; the fixture's own connections are plain.
type encryptedFixture struct {
	fixture
	dsn   string // insists on TLS
	roots *x509.CertPool
}

func newEncryptedFixture(t *testing.T) encryptedFixture {
	t.Helper()
	dsn, authority := sandbox.EncryptedLegacy(t)
	pem, err := os.ReadFile(authority)
	if err != nil {
		t.Fatal(err)
	}
	f := encryptedFixture{fixture: fixtureOf(t, dsn), dsn: dsn, roots: x509.NewCertPool()}
	if !f.roots.AppendCertsFromPEM(pem) {
		t.Fatal("the authority is no certificate")
	}
	return f
}

// with is the configuration of an operator whose DSN says so, after the change.
func (f encryptedFixture) with(t *testing.T, option string, change func(*mysql.Config)) *mysql.Config {
	t.Helper()
	dsn, err := settings.ParseMySQL(strings.Replace(f.dsn, "tls=true", "tls="+option, 1))
	if err != nil {
		t.Fatal(err)
	}
	config := dsn.Config()
	if change != nil {
		change(config)
	}
	return config
}

func (f encryptedFixture) open(t *testing.T, config *mysql.Config) *Snapshot {
	t.Helper()
	db, err := Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db.snapshotOf(t)
}

// trusting changes a configuration as a machine would that trusts the authority.
func (f encryptedFixture) trusting(changes ...func(*tls.Config)) func(*mysql.Config) {
	return func(c *mysql.Config) {
		c.TLS = &tls.Config{RootCAs: f.roots}
		for _, change := range changes {
			change(c.TLS)
		}
	}
}

// cipher is what the server says of the snapshot's connection, empty where it is plain.
func cipher(t *testing.T, s *Snapshot) (name string) {
	t.Helper()
	if err := s.conn.QueryRowContext(t.Context(), `SHOW STATUS LIKE 'Ssl_cipher'`).Scan(new(string), &name); err != nil {
		t.Fatal(err)
	}
	return name
}

// fillEvery makes a table with a column of each type, in whose rows each is NULL at times, and returns what selects all of it.
func (f fixture) fillEvery(t *testing.T, rows int) clause {
	t.Helper()
	columns := ""
	for i, every := range drawnTypes {
		columns += fmt.Sprintf(", c%d %s", i, every.declared)
	}
	f.exec(t, "CREATE TABLE every (id INT PRIMARY KEY"+columns+")")
	for id := range rows {
		if id == 0 { // of what each type but the last two makes of nothing: zeros, zero dates, the year 0000, empty texts
			f.exec(t, "INSERT IGNORE INTO every VALUES (0"+strings.Repeat(", ''", len(drawnTypes)-2)+", NULL, NULL)")
			continue
		}
		values := []string{fmt.Sprint(id)}
		for i, every := range drawnTypes {
			drawn := "NULL"
			if (id+i)%5 > 0 {
				drawn = every.value.Example(id*len(drawnTypes) + i)
			}
			values = append(values, drawn)
		}
		f.exec(t, "INSERT IGNORE INTO every VALUES ("+strings.Join(values, ", ")+")")
	}
	return clause{sql: "SELECT *, c4 / 7, -1.5e0 * id FROM every ORDER BY id"}
}

func TestEncryptedConnectionsReadWhatPlainOnesRead(t *testing.T) {
	t.Parallel()
	f := newEncryptedFixture(t)
	const rows = 100
	all := f.fillEvery(t, rows)
	plain := f.snapshotOf(t)
	if wireOf(t, plain) == nil || cipher(t, plain) != "" {
		t.Fatal("what is compared with is not plain")
	}
	want := readBy(t, plain, all)
	if len(want) != rows {
		t.Fatalf("%d rows of %d", len(want), rows)
	}
	for option, change := range map[string]func(*mysql.Config){"true": f.trusting(), "skip-verify": nil, "preferred": nil} {
		t.Run("with tls="+option, func(t *testing.T) {
			s := f.open(t, f.with(t, option, change))
			if cipher(t, s) == "" || wireOf(t, s) != nil {
				t.Fatalf("the cipher is %q, the wire %v", cipher(t, s), wireOf(t, s))
			}
			if diff := cmp.Diff(want, readBy(t, s, all)); diff != "" {
				t.Errorf("(-plain +encrypted)\n%s", diff)
			}
		})
	}
	t.Run("values of several packets", func(t *testing.T) {
		wide := clause{sql: "SELECT n, REPEAT(CONCAT(n, 'é\\0'), n DIV 5), n FROM (SELECT ? AS n UNION ALL SELECT ? UNION ALL SELECT ?) AS sizes", args: []any{
			int64(1<<24 - 11), int64(1 << 24), int64(2<<24 + 5)}}
		read := map[bool][][]byte{}
		for encrypted, s := range map[bool]*Snapshot{false: plain, true: f.open(t, f.with(t, "true", f.trusting()))} {
			err := stream(t.Context(), s.conn, wide, func(cells []value.Cell) error {
				for _, cell := range cells {
					read[encrypted] = append(read[encrypted], bytes.Clone(cell))
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if len(read[true]) != 9 || len(read[true][7]) < 2<<24 {
			t.Fatalf("%d values", len(read[true]))
		}
		for i, value := range read[false] {
			if !bytes.Equal(value, read[true][i]) {
				t.Errorf("value %d of %d bytes is another one of %d", i, len(value), len(read[true][i]))
			}
		}
	})
	t.Run("where encryption is preferred, and not to be had, what is read is the same", func(t *testing.T) {
		s := f.open(t, f.with(t, "preferred", func(c *mysql.Config) { c.Addr = unencrypted.before(t, c.Addr) }))
		if cipher(t, s) != "" || wireOf(t, s) == nil {
			t.Errorf("the cipher is %q, the wire %v", cipher(t, s), wireOf(t, s))
		}
		if diff := cmp.Diff(want, readBy(t, s, all)); diff != "" {
			t.Error(diff)
		}
	})
}

// unencrypted is a server that does not offer TLS.
var unencrypted = capabilities{agreed: encrypted}

func TestEncryptionThatIsRefused(t *testing.T) {
	t.Parallel()
	f := newEncryptedFixture(t)
	f.exec(t, `SET GLOBAL require_secure_transport = ON`)
	for name, c := range map[string]struct {
		change func(*mysql.Config)
		says   []string
	}{
		"by a machine that does not know the authority": {nil, []string{"x509: certificate signed by unknown authority", "SSL_CERT_FILE", "trust"}},
		"under a name that the certificate has not": {
			f.trusting(func(c *tls.Config) { c.ServerName = "legacy.example" }), []string{"legacy.example", "by a name that stands in the server's certificate"}},
		"with a certificate that has expired": {
			f.trusting(func(c *tls.Config) { c.Time = func() time.Time { return time.Now().AddDate(1, 0, 0) } }), []string{"expired", "a new certificate"}},
		"by a server that does not offer it": {
			func(c *mysql.Config) { f.trusting()(c); c.Addr = unencrypted.before(t, c.Addr) }, []string{"does not support TLS", "leave tls out of the DSN", "ssl_cert"}},
		"by a server that speaks other versions of it": {
			f.trusting(func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS10 }), []string{"remote error", "TLS 1.2"}},
		"by us, where the server insists": {
			func(c *mysql.Config) { c.TLSConfig = "false" }, []string{"tls=true"}},
	} {
		t.Run(name, func(t *testing.T) {
			db, err := Open(t.Context(), f.with(t, "true", c.change))
			if err == nil {
				t.Fatal("it opened", db.Close())
			}
			for _, want := range append(c.says, "connect to the legacy database at 127.0.0.1:") {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not say %q", err, want)
				}
			}
			if strings.Contains(err.Error(), f.config.Passwd) || strings.Contains(err.Error(), "check host and port") {
				t.Errorf("error %q", err)
			}
			if kind, _ := shard.KindOf(err); kind != shard.Outage {
				t.Errorf("it is a %s", kind)
			}
		})
	}
}
