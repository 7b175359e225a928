package sandbox

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/go-sql-driver/mysql"
)

func serverURL(scheme, user, password string, port int, database string) *url.URL {
	return &url.URL{Scheme: scheme, User: url.UserPassword(user, password), Host: loopback(port), Path: "/" + database}
}

// Open opens a mysql:// URL of a sandbox for tests and generators: temporal values as text, several statements at once
// allowed, utf8mb4. It does not connect. The caller closes it.
func Open(dsn string) (*sql.DB, error) {
	cfg, err := mysqlConfig(dsn)
	if err != nil {
		return nil, err
	}
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, fmt.Errorf("open the legacy database: %w", err)
	}
	return sql.OpenDB(connector), nil
}

func mysqlConfig(dsn string) (*mysql.Config, error) {
	address, err := url.Parse(dsn)
	if err != nil || address.Scheme != "mysql" || address.User == nil {
		// The parser's own message quotes the password.
		return nil, errors.New("parse the legacy DSN: want mysql://user:password@host:port/database")
	}
	cfg := mysql.NewConfig()
	cfg.User = address.User.Username()
	cfg.Passwd, _ = address.User.Password()
	cfg.Net, cfg.Addr = "tcp", address.Host
	cfg.DBName = strings.TrimPrefix(address.Path, "/")
	cfg.Collation = "utf8mb4_general_ci"
	cfg.MultiStatements = true
	cfg.InterpolateParams = true
	cfg.Logger = &mysql.NopLogger{} // a server that is being waited for is no news
	return cfg, nil
}
