package settings

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

const postgresShape = "postgres://user:password@host:5432/database"

// Postgres is the address of a target database. Printed, logged or marshalled it is its Redacted form.
type Postgres struct {
	text     Secret
	redacted string
	warnings []string
}

// ParsePostgres reads postgres://user:password@host:5432/database with all that libpq allows after the question mark;
// what is left out is taken from libpq's own variables (PGPASSWORD, PGSSLMODE and so on). The simple protocol is refused.
// The error holds no part of the password.
func ParsePostgres(text string) (*Postgres, error) {
	u, err := parseURL(text, postgresShape, "postgres", "postgresql")
	if err != nil {
		return nil, err
	}
	config, err := pgconn.ParseConfig(text)
	if err != nil {
		return nil, pgParseError(err, u)
	}
	var problems []error
	if config.Database == "" {
		problems = append(problems, errors.New("names no database; write it as "+postgresShape))
	}
	if u.Query().Has("default_query_exec_mode") {
		problems = append(problems, errors.New("sets default_query_exec_mode, which is refused: values travel as parameters only"))
	}
	if len(problems) > 0 {
		return nil, oneLine(problems)
	}
	shown := redactedPostgres(config)
	return &Postgres{text: NewSecret(text), redacted: shown, warnings: postgresWarnings(config, shown)}, nil
}

// pgParseError keeps the reason that pgconn gives and drops the connection string that it repeats, and the reason too
// when that holds a secret.
func pgParseError(err error, u *url.URL) error {
	general := fmt.Errorf("is not a connection URL that PostgreSQL knows; write it as %s; %s", postgresShape, escapeHint)
	inner := errors.Unwrap(err)
	if inner == nil {
		return general
	}
	password, _ := u.User.Password()
	for _, secret := range []string{password, u.Query().Get("password"), u.Query().Get("sslpassword")} {
		if secret != "" && (strings.Contains(inner.Error(), secret) || strings.Contains(inner.Error(), url.QueryEscape(secret))) {
			return general
		}
	}
	return fmt.Errorf("is refused: %s; write it as %s", inner, postgresShape) //nolint:errorlint // what it wraps may hold the password
}

// Reveal returns the URL with its password, as pgx.ParseConfig and pgxpool.ParseConfig take it.
func (p Postgres) Reveal() string { return p.text.Reveal() }

// Redacted returns scheme, user, hosts, ports and database, and nothing else; a socket stands in place of host and port.
func (p Postgres) Redacted() string { return p.redacted }

func redactedPostgres(config *pgconn.Config) string {
	hosts := []string{pgHost(config.Host, config.Port)}
	for _, f := range config.Fallbacks {
		if host := pgHost(f.Host, f.Port); !slices.Contains(hosts, host) {
			hosts = append(hosts, host)
		}
	}
	return redacted("postgres", config.User, strings.Join(hosts, ","), config.Database)
}

func pgHost(host string, port uint16) string {
	if strings.HasPrefix(host, "/") {
		return "unix(" + host + ")"
	}
	return net.JoinHostPort(host, strconv.Itoa(int(port)))
}

// Warnings says what is unsafe about the connection: it leaves this machine and is not both encrypted and verified.
func (p Postgres) Warnings() []string { return p.warnings }

func postgresWarnings(config *pgconn.Config, shown string) []string {
	safe := func(host string, conf *tls.Config) bool {
		return strings.HasPrefix(host, "/") || isLoopback(host) || conf != nil && !conf.InsecureSkipVerify
	}
	all := safe(config.Host, config.TLSConfig)
	for _, f := range config.Fallbacks {
		all = all && safe(f.Host, f.TLSConfig)
	}
	if all {
		return nil
	}
	return []string{fmt.Sprintf("the connection to %s leaves this machine without verified encryption; add sslmode=verify-full", shown)}
}

// String returns Redacted.
func (p Postgres) String() string { return p.Redacted() }

// GoString returns Redacted.
func (p Postgres) GoString() string { return p.Redacted() }

// Format writes Redacted for every verb.
func (p Postgres) Format(f fmt.State, _ rune) { writeMasked(f, p.Redacted()) }

// MarshalText returns Redacted.
func (p Postgres) MarshalText() ([]byte, error) { return []byte(p.Redacted()), nil }

// LogValue returns Redacted.
func (p Postgres) LogValue() slog.Value { return slog.StringValue(p.Redacted()) }

func applyTarget(s *Settings, text string) []string {
	target, err := ParsePostgres(text)
	if err != nil {
		return []string{err.Error()}
	}
	s.Target = target
	s.Warnings = append(s.Warnings, target.Warnings()...)
	return nil
}
