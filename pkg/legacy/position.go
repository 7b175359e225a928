package legacy

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/go-sql-driver/mysql"
)

// A Position is where a server's binlog stands. Two equal positions of one server mean that nothing was committed between them.
type Position struct {
	Text    string  // file:offset, and the executed GTIDs after a space where there are any; empty where Missing says why
	Missing Missing // empty where Text is not
}

// Missing is why there is no position.
type Missing string

// The reasons for which a position is missing.
const (
	NoBinlog    Missing = "the server writes no binlog"
	NoPrivilege Missing = "the user may not see the binlog's position: GRANT REPLICATION CLIENT (BINLOG MONITOR on MariaDB) to it"
)

const accessDenied = 1227

// Identity returns what tells this server and database from others, whatever their address: MySQL's @@server_uuid; MariaDB has
// none that lives as long as its data, so that it is a hash of the host's name and the data directory there, which survive a
// restart and another port, and differ on a replica or a copy behind the same address. A container needs a host name that lasts.
func (db *DB) Identity(ctx context.Context) (string, error) {
	server, err := db.server(ctx)
	if err != nil {
		return "", failed(err, "read the identity of the legacy server at %s", db.address)
	}
	return server + "/" + db.name, nil
}

// server returns the part of the identity that tells one server from another.
func (db *DB) server(ctx context.Context) (string, error) {
	query := `SELECT @@server_uuid, ''`
	if db.version.maria {
		query = `SELECT @@hostname, @@datadir`
	}
	var first, second string
	if err := db.pool.QueryRowContext(ctx, query).Scan(&first, &second); err != nil {
		return "", err
	}
	if db.version.maria {
		sum := sha256.Sum256([]byte(first + "\x00" + second))
		return "mariadb:" + hex.EncodeToString(sum[:16]), nil
	}
	return "mysql:" + first, nil
}

// Position returns where the binlog stands now.
func (db *DB) Position(ctx context.Context) (Position, error) {
	s, err := db.Snapshot(ctx, Reading{})
	if err != nil {
		return Position{}, err
	}
	return s.position, s.Close()
}

// begin starts a snapshot and returns the binlog's position at it. MariaDB knows it exactly and tells it to everyone. MySQL's
// is read just before: what is committed between the two is in the snapshot and behind the position, never missing from both.
func begin(ctx context.Context, conn *sql.Conn, v version) (p Position, err error) {
	if !v.maria {
		if p, err = sourcePosition(ctx, conn, v); err != nil {
			return p, err
		}
	}
	if _, err := conn.ExecContext(ctx, `START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY`); err != nil {
		return p, err
	}
	if v.maria {
		return snapshotPosition(ctx, conn)
	}
	return p, nil
}

func sourcePosition(ctx context.Context, conn *sql.Conn, v version) (Position, error) {
	query := `SHOW MASTER STATUS`
	if v.atLeast(8, 4) {
		query = `SHOW BINARY LOG STATUS`
	}
	var file, offset, do, ignore, gtids sql.NullString
	err := conn.QueryRowContext(ctx, query).Scan(&file, &offset, &do, &ignore, &gtids)
	var refused *mysql.MySQLError
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return Position{Missing: NoBinlog}, nil
	case errors.As(err, &refused) && refused.Number == accessDenied:
		return Position{Missing: NoPrivilege}, nil
	case err != nil:
		return Position{}, fmt.Errorf("read the binlog's position: %w", err)
	}
	return positionOf(file.String, offset.String, gtids.String), nil
}

// snapshotPosition asks by SHOW: information_schema.SESSION_STATUS makes all of some 600 values before it looks at the names.
func snapshotPosition(ctx context.Context, conn *sql.Conn) (p Position, err error) {
	rows, err := conn.QueryContext(ctx, `SHOW SESSION STATUS LIKE 'binlog\_snapshot\_%'`)
	if err != nil {
		return Position{}, fmt.Errorf("read the snapshot's binlog position: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var file, offset sql.NullString
	for rows.Next() {
		var name string
		var value sql.NullString
		if err := rows.Scan(&name, &value); err != nil {
			return Position{}, fmt.Errorf("read the snapshot's binlog position: %w", err)
		}
		switch strings.ToLower(name) {
		case "binlog_snapshot_file":
			file = value
		case "binlog_snapshot_position":
			offset = value
		}
	}
	if err := rows.Err(); err != nil {
		return Position{}, fmt.Errorf("read the snapshot's binlog position: %w", err)
	}
	if file.String == "" {
		return Position{Missing: NoBinlog}, nil
	}
	// Its GTIDs could be had by BINLOG_GTID_POS, which reads the binlog from the file's beginning: seconds for each shard.
	return positionOf(file.String, offset.String, ""), nil
}

func positionOf(file, offset, gtids string) Position {
	text := file + ":" + offset
	if gtids != "" {
		text += " " + gtids
	}
	return Position{Text: text}
}
