package legacy

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestExcessOf(t *testing.T) {
	for line, want := range map[string]string{
		"GRANT USAGE ON *.* TO `u`@`%` IDENTIFIED BY PASSWORD '*AB'":                            "",
		"GRANT SELECT, SHOW VIEW ON `legacy`.* TO `u`@`%`":                                      "",
		"GRANT BINLOG MONITOR ON *.* TO `u`@`%` IDENTIFIED BY PASSWORD '*AB'":                   "",
		"GRANT REPLICATION CLIENT ON *.* TO 'u'@'%'":                                            "",
		"GRANT SELECT (`a`, `b`) ON `legacy`.`t` TO `u`@`%`":                                    "",
		"GRANT `reader`@`%` TO `u`@`%`":                                                         "",
		"GRANT ALL PRIVILEGES ON *.* TO `u`@`%` IDENTIFIED BY PASSWORD '*AB' WITH GRANT OPTION": "ALL PRIVILEGES, GRANT OPTION ON *.*",
		"GRANT SELECT, INSERT, UPDATE (`a`, `b`) ON `legacy`.`t` TO `u`@`%`":                    "INSERT, UPDATE (`a`, `b`) ON `legacy`.`t`",
		"GRANT SELECT, PROCESS, FILE, SUPER ON *.* TO `u`@`%`":                                  "PROCESS, FILE, SUPER ON *.*",
		"GRANT SELECT ON `legacy`.* TO `u`@`%` WITH GRANT OPTION":                               "GRANT OPTION ON `legacy`.*",
		"GRANT APPLICATION_PASSWORD_ADMIN,BACKUP_ADMIN ON *.* TO `u`@`%`":                       "APPLICATION_PASSWORD_ADMIN, BACKUP_ADMIN ON *.*",
		"GRANT EXECUTE ON FUNCTION `legacy`.`f` TO `u`@`%`":                                     "EXECUTE ON FUNCTION `legacy`.`f`",
		"GRANT PROXY ON ''@'%' TO 'root'@'localhost' WITH GRANT OPTION":                         "PROXY ON ''@'%'",
		"GRANT SELECT, LOCK TABLES, DROP ON `le gacy`.* TO `u`@`%`":                             "LOCK TABLES, DROP ON `le gacy`.*",
	} {
		if got := excessOf(line); got != want {
			t.Errorf("%s:\n%q, want %q", line, got, want)
		}
	}
}

func TestExcess(t *testing.T) {
	f := newFixture(t, `CREATE TABLE users (id INT PRIMARY KEY, name VARCHAR(10))`)
	user := "u_" + f.config.DBName
	as := func(grants ...string) *DB {
		f.exec(t, "DROP USER IF EXISTS '"+user+"'@'%'", "CREATE USER '"+user+"'@'%' IDENTIFIED BY 'Pass-w0rd'")
		for _, g := range grants {
			f.exec(t, "GRANT "+g+" TO '"+user+"'@'%'")
		}
		config := f.config.Clone()
		config.User, config.Passwd = user, "Pass-w0rd"
		db, err := Open(t.Context(), config)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		return db
	}
	name := quote(f.config.DBName)
	for what, tt := range map[string]struct{ grants, want []string }{
		"a reader":                {[]string{"SELECT, SHOW VIEW ON " + name + ".*", "REPLICATION CLIENT ON *.*"}, nil},
		"who writes and has FILE": {[]string{"SELECT, INSERT, UPDATE ON " + name + ".users", "SELECT, FILE, PROCESS ON *.*"}, []string{"PROCESS, FILE ON *.*", "INSERT, UPDATE ON " + name + ".`users`"}},
	} {
		got, err := as(tt.grants...).Excess(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		for _, right := range tt.want {
			want = append(want, "user '"+user+"'@'%' may "+right+": REVOKE "+right+" FROM '"+user+"'@'%'")
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", what, diff)
		}
		for _, line := range got {
			_, revoke, _ := strings.Cut(line, ": ")
			f.exec(t, revoke)
		}
	}
	db := as("SELECT (id) ON " + name + ".users")
	_, err := db.pool.ExecContext(t.Context(), `SELECT name FROM users`)
	if err = failed(err, "read"); !Lacks(err) {
		t.Errorf("error %v is not told as one of a right", err)
	}
	f.exec(t, db.Grant(t.Context()))
	db.Refresh()
	if _, err := db.pool.ExecContext(t.Context(), `SELECT name FROM users`); err != nil {
		t.Error(err)
	}
	f.exec(t, "DROP USER '"+user+"'@'%'")
}
