package legacy

// Where says what a DB is connected to, in OpenTelemetry's words for it.
type Where struct {
	System   string // mysql or mariadb
	Address  string // host:port, or the path of a socket
	Database string
}

// Where returns what the DB is connected to.
func (db *DB) Where() Where {
	w := Where{System: "mysql", Address: db.at, Database: db.name}
	if db.version.maria {
		w.System = "mariadb"
	}
	return w
}
