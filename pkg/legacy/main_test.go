package legacy

import (
	"database/sql"
	"fmt"
	"maps"
	"net/url"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"

	"rehome/pkg/sandbox"
	"rehome/pkg/value"
)

// A manner is what a server says or does in its own way.
type manner struct {
	name         string
	session      map[string]string           // variables that are forced
	position     []string                    // grants that the binlog's position takes
	types        map[string]value.LegacyType // of expressions over the table every
	unknownType  string                      // its words about a type that is none
	mediumDigits int64                       // of an unsigned MEDIUMINT
	cells        map[string][][2]string      // by declared type: what is inserted, and how it arrives
}

// both merges the expectations of one server with those of all.
func both[V any](own, all map[string]V) map[string]V {
	maps.Copy(all, own)
	return all
}

// sequence is a derived table with the numbers from first to last in the column seq.
func sequence(first, last int) string {
	const digit = "(SELECT 0 AS d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6 " +
		"UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9)"
	var sum, from []string
	for power, n := 1, 0; power <= last; power, n = 10*power, n+1 {
		sum = append(sum, fmt.Sprintf("%d * t%d.d", power, n))
		from = append(from, fmt.Sprintf("%s AS t%d", digit, n))
	}
	return fmt.Sprintf("(SELECT %s AS seq FROM %s HAVING seq BETWEEN %d AND %d) AS numbers", strings.Join(sum, " + "), strings.Join(from, ", "), first, last)
}

func TestMain(m *testing.M) { sandbox.Main(m) }

// A fixture is a database of one test, with a connection that may write.
type fixture struct {
	*DB
	admin  *sql.DB
	config *mysql.Config // of root
}

func newFixture(t testing.TB, statements ...string) fixture {
	t.Helper()
	return fixtureOf(t, sandbox.Legacy(t), statements...)
}

// fixtureOf has the database of the DSN, without encryption.
func fixtureOf(t testing.TB, dsn string, statements ...string) fixture {
	t.Helper()
	config := configOf(t, dsn)
	f := fixture{config: config, admin: adminOf(t, config)}
	f.exec(t, statements...)
	db, err := Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	f.DB = db
	return f
}

func configOf(t testing.TB, dsn string) *mysql.Config {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal("the sandbox's DSN is no URL")
	}
	config := mysql.NewConfig()
	config.User = u.User.Username()
	config.Passwd, _ = u.User.Password()
	config.Net, config.Addr, config.DBName = "tcp", u.Host, strings.TrimPrefix(u.Path, "/")
	config.Collation = "utf8mb4_bin"
	return config
}

func adminOf(t testing.TB, config *mysql.Config) *sql.DB {
	t.Helper()
	connector, err := mysql.NewConnector(config)
	if err != nil {
		t.Fatal(err)
	}
	admin := sql.OpenDB(connector)
	t.Cleanup(func() { _ = admin.Close() })
	return admin
}

func (f fixture) exec(t testing.TB, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		if _, err := f.admin.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// as opens the database as a user who has nothing but the grants.
func (f fixture) as(t *testing.T, user string, grants ...string) *DB {
	t.Helper()
	account := fmt.Sprintf("%s@'127.0.0.1'", user)
	f.exec(t, "CREATE USER "+account+" IDENTIFIED BY 'reads'")
	t.Cleanup(func() { _, _ = f.admin.Exec("DROP USER " + account) })
	for _, grant := range grants {
		f.exec(t, "GRANT "+grant+" TO "+account)
	}
	config := f.config.Clone()
	config.User, config.Passwd = user, "reads"
	db, err := Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func (f fixture) snapshot(t testing.TB, r Reading) *Snapshot {
	t.Helper()
	s, err := f.Snapshot(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}
