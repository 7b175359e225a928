//go:build mysql

package sandbox

import "testing"

func startLegacy(t testing.TB, opts Options) *legacyServer {
	t.Helper()
	m, err := StartMySQL(t.Context(), opts)
	if err != nil {
		t.Fatalf("start a MySQL for this test: %v", err)
	}
	t.Cleanup(func() { _ = m.Close() }) // its directory is swept by the next, else
	goByGTID(t, &m.legacyServer)
	return &m.legacyServer
}

// goByGTID has a server that runs go by GTID, which newer ones do from the start.
func goByGTID(t testing.TB, s *legacyServer) {
	t.Helper()
	db, err := Open(s.DSN(""))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var mode string
	if err := db.QueryRowContext(t.Context(), `SELECT @@gtid_mode`).Scan(&mode); err != nil {
		t.Fatalf("ask a server whether it goes by GTID: %v", err)
	}
	if mode == "ON" {
		return
	}
	for _, statement := range []string{
		`SET GLOBAL enforce_gtid_consistency = ON`, `SET GLOBAL gtid_mode = OFF_PERMISSIVE`, `SET GLOBAL gtid_mode = ON_PERMISSIVE`, `SET GLOBAL gtid_mode = ON`,
	} {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

func sourceStatements(password string) []string {
	return []string{`CREATE USER replica@'127.0.0.1' IDENTIFIED BY '` + password + `'`, `GRANT REPLICATION SLAVE ON *.* TO replica@'127.0.0.1'`}
}

func replicaStatements(host, port, password string) []string {
	return []string{
		`SET GLOBAL server_id = 2`,
		`CHANGE REPLICATION SOURCE TO SOURCE_HOST = '` + host + `', SOURCE_PORT = ` + port + `, SOURCE_USER = 'replica', SOURCE_PASSWORD = '` + password +
			`', SOURCE_AUTO_POSITION = 1, GET_SOURCE_PUBLIC_KEY = 1`,
		`START REPLICA`,
	}
}
