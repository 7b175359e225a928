package settings

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
)

const mysqlShape = "mysql://user:password@host:3306/database"

// dialTimeout bounds the making of a connection where the URL says nothing.
const dialTimeout = 10 * time.Second

// MySQL is the address of a legacy database with all that we force on a connection to it. Printed, logged or marshalled
// it is its Redacted form.
type MySQL struct {
	config   *mysql.Config // without its password: fmt follows a pointer where a verb does not fit
	password Secret
}

// ParseMySQL reads mysql://user:password@host:3306/database. What may follow the question mark is tls (true, false,
// skip-verify or preferred), socket (a path, instead of a host), timeout, readTimeout and writeTimeout (durations such
// as 30s). All that is wrong is in one error, which holds no part of the password.
func ParseMySQL(text string) (*MySQL, error) {
	u, err := parseURL(text, mysqlShape, "mysql")
	if err != nil {
		return nil, err
	}
	config := mysql.NewConfig()
	config.User = u.User.Username()
	password, _ := u.User.Password()
	config.DBName = strings.TrimPrefix(u.Path, "/")
	config.Timeout = dialTimeout
	config.ParseTime = false // the driver makes 2019-12-15 of 2020-00-15 without an error
	config.Loc = time.UTC
	config.Collation = "utf8mb4_bin"
	config.ConnectionAttributes = "program_name:rehome"

	var problems []error
	if config.User == "" {
		problems = append(problems, errors.New("names no user; write it as "+mysqlShape))
	}
	if config.DBName == "" || strings.Contains(strings.TrimPrefix(u.EscapedPath(), "/"), "/") {
		problems = append(problems, errors.New("does not end in one database's name; write it as "+mysqlShape))
	}
	problems = append(problems, setMySQLAddress(config, u)...)
	problems = append(problems, setMySQLOptions(config, u.Query())...)
	if len(problems) > 0 {
		return nil, oneLine(problems)
	}
	return &MySQL{config: config, password: NewSecret(password)}, nil
}

func setMySQLAddress(config *mysql.Config, u *url.URL) []error {
	host, port := u.Hostname(), u.Port()
	if socket := u.Query().Get("socket"); socket != "" {
		config.Net, config.Addr = "unix", socket
		if host != "" && host != "localhost" || port != "" {
			return []error{errors.New("has both a host and a socket; leave one of them out")}
		}
		if !strings.HasPrefix(socket, "/") {
			return []error{errors.New("has a socket that is not an absolute path")}
		}
		return nil
	}
	if port == "" {
		port = "3306"
	}
	config.Net, config.Addr = "tcp", net.JoinHostPort(host, port)
	if host == "" {
		return []error{errors.New("names no host; write it as " + mysqlShape)}
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return []error{errors.New("has a port that is not a number from 1 to 65535")}
	}
	return nil
}

// refusedOptions open a connection to a server that lies, or to a value that is taken for SQL.
var refusedOptions = map[string]string{
	"allowAllFiles":            "a server could read any file of this machine",
	"allowCleartextPasswords":  "a server could ask for the password in clear",
	"allowFallbackToPlaintext": "tls=preferred says it where it is meant",
	"allowOldPasswords":        "that way of sending a password is broken",
	"interpolateParams":        "values travel as parameters only",
	"multiStatements":          "one statement must not become two",
}

// forcedOptions are ours to set, because what arrives depends on them.
var forcedOptions = []string{"parseTime", "loc", "charset", "collation", "connectionAttributes", "timeTruncate",
	"clientFoundRows", "columnsWithAlias"}

func setMySQLOptions(config *mysql.Config, query url.Values) []error {
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(query)) {
		if err := setMySQLOption(config, name, query[name]); err != nil {
			problems = append(problems, err)
		}
	}
	return problems
}

func setMySQLOption(config *mysql.Config, name string, values []string) error {
	if len(values) > 1 {
		return fmt.Errorf("sets %s twice", quote(name))
	}
	switch name {
	case "socket":
		return nil
	case "tls":
		return setTLS(config, values[0])
	case "timeout":
		return setDuration(&config.Timeout, name, values[0])
	case "readTimeout":
		return setDuration(&config.ReadTimeout, name, values[0])
	case "writeTimeout":
		return setDuration(&config.WriteTimeout, name, values[0])
	}
	for refused, why := range refusedOptions {
		if strings.EqualFold(name, refused) {
			return fmt.Errorf("sets %s, which is refused: %s", refused, why)
		}
	}
	for _, forced := range forcedOptions {
		if strings.EqualFold(name, forced) {
			return fmt.Errorf("sets %s, which rehome sets itself; leave it out", forced)
		}
	}
	return fmt.Errorf("sets %s, which is none of tls, socket, timeout, readTimeout, writeTimeout", quote(name))
}

func setTLS(config *mysql.Config, text string) error {
	if !slices.Contains([]string{"", "true", "false", "skip-verify", "preferred"}, text) {
		return fmt.Errorf("has tls=%s; it is one of true, false, skip-verify, preferred", quote(text))
	}
	config.TLSConfig = text
	return nil
}

func setDuration(into *time.Duration, name, text string) error {
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return fmt.Errorf("has a %s that is not a duration such as 30s", name)
	}
	*into = d
	return nil
}

// Config returns a copy of the driver's configuration, with the password in it, that the caller may change.
func (m MySQL) Config() *mysql.Config {
	config := m.config.Clone()
	config.Passwd = m.password.Reveal()
	return config
}

// Redacted returns scheme, user, host, port and database, and nothing else; a socket stands in place of host and port.
func (m MySQL) Redacted() string {
	hosts := m.config.Addr
	if m.config.Net == "unix" {
		hosts = "unix(" + m.config.Addr + ")"
	}
	return redacted("mysql", m.config.User, hosts, m.config.DBName)
}

// Warnings says what is unsafe about the connection: it leaves this machine and is not both encrypted and verified.
func (m MySQL) Warnings() []string {
	if m.config.Net == "unix" || m.config.TLSConfig == "true" {
		return nil
	}
	host, _, err := net.SplitHostPort(m.config.Addr)
	if err == nil && isLoopback(host) {
		return nil
	}
	return []string{fmt.Sprintf("the connection to %s leaves this machine without verified encryption; add tls=true",
		m.Redacted())}
}

// String returns Redacted.
func (m MySQL) String() string { return m.Redacted() }

// GoString returns Redacted.
func (m MySQL) GoString() string { return m.Redacted() }

// Format writes Redacted for every verb.
func (m MySQL) Format(f fmt.State, _ rune) { writeMasked(f, m.Redacted()) }

// MarshalText returns Redacted.
func (m MySQL) MarshalText() ([]byte, error) { return []byte(m.Redacted()), nil }

// LogValue returns Redacted.
func (m MySQL) LogValue() slog.Value { return slog.StringValue(m.Redacted()) }

func applyLegacy(s *Settings, text string) []string { return applyMySQL(s, &s.Legacy, text) }

func applyReplica(s *Settings, text string) []string { return applyMySQL(s, &s.Replica, text) }

func applyMySQL(s *Settings, into **MySQL, text string) []string {
	parsed, err := ParseMySQL(text)
	if err != nil {
		return []string{err.Error()}
	}
	*into = parsed
	s.Warnings = append(s.Warnings, parsed.Warnings()...)
	return nil
}
