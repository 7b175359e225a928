//go:build !mysql

package sandbox

import "testing"

func startLegacy(t testing.TB, opts Options) *legacyServer {
	t.Helper()
	m, err := StartMariaDB(t.Context(), opts)
	if err != nil {
		t.Fatalf("start a MariaDB for this test: %v", err)
	}
	t.Cleanup(func() { _ = m.Close() }) // its directory is swept by the next, else
	return &m.legacyServer
}

func sourceStatements(password string) []string {
	return []string{`CREATE USER replica@'127.0.0.1' IDENTIFIED BY '` + password + `'`, `GRANT REPLICATION SLAVE ON *.* TO replica@'127.0.0.1'`}
}

func replicaStatements(host, port, password string) []string {
	return []string{
		`SET GLOBAL server_id = 2`,
		`CHANGE MASTER TO MASTER_HOST = '` + host + `', MASTER_PORT = ` + port + `, MASTER_USER = 'replica', MASTER_PASSWORD = '` + password +
			`', MASTER_USE_GTID = slave_pos`,
		`START SLAVE`,
	}
}
