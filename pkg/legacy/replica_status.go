package legacy

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"

	"rehome/pkg/throttle"
)

// A channel is one source that a replica reads from.
type channel struct {
	name       string
	host, port string // of the source, as the replica knows it
	serverID   string // of the source, "0" before the first connection
	uuid       string // of the source; empty on MariaDB
	io, sql    string // whether the replica reads, and replays: "Yes", "No" or a word for something between
	ioError    string // their last errors' numbers, "0" where there is none
	sqlError   string
	behind     time.Duration // as the replica says
	known      bool          // it says so
	usesGTID   bool          // MariaDB's way of it
	gtid       string        // that it has read, on MariaDB
	file, pos  string        // that it has read up to
}

func (c *channel) address() string { return net.JoinHostPort(c.host, c.port) }

// among returns the channel as it is now, if it still reads from the same server.
func (c *channel) among(found []channel) (channel, bool) {
	for _, f := range found {
		if f.name == c.name && f.host == c.host && f.port == c.port && f.uuid == c.uuid && f.serverID == c.serverID {
			return f, true
		}
	}
	return channel{}, false
}

// replicating returns why nobody knows how far the replica is behind.
func (c *channel) replicating(at string) error {
	if c.io == "Yes" && c.sql == "Yes" && c.known {
		return nil
	}
	text := fmt.Sprintf("the replica at %s does not replicate, so that its lag is unknown: I/O thread %s%s, SQL thread %s%s", at,
		cmp.Or(c.io, "unknown"), numbered(c.ioError), cmp.Or(c.sql, "unknown"), numbered(c.sqlError))
	return errors.New(text) // without the servers' own words, which may quote a value
}

func numbered(number string) string {
	if number == "" || number == "0" {
		return ""
	}
	return " (error " + number + ")"
}

// channels asks the replica for all that it reads from.
func (r *Replica) channels(ctx context.Context) ([]channel, error) {
	v := r.db.version
	query := `SHOW SLAVE STATUS`
	switch {
	case v.maria:
		query = `SHOW ALL SLAVES STATUS`
	case v.atLeast(8, 1) || v.major == 8 && v.patch >= 22:
		query = `SHOW REPLICA STATUS`
	}
	rows, err := r.db.pool.QueryContext(ctx, query)
	if refused := (*mysql.MySQLError)(nil); errors.As(err, &refused) && refused.Number == accessDenied {
		grant := "REPLICATION CLIENT"
		if v.maria {
			grant = "REPLICA MONITOR"
		}
		return nil, throttle.Unmeasurablef("the user of REPLICA_DSN may not see how far %s is behind: GRANT %s ON *.* to it there", r.db.address, grant)
	}
	if err != nil {
		return nil, failed(err, "ask the replica at %s how far it is behind", r.db.at)
	}
	defer rows.Close()
	found, err := readChannels(rows)
	if err != nil {
		return nil, failed(err, "ask the replica at %s how far it is behind", r.db.at)
	}
	return found, nil
}

// readChannels reads the columns by their names, of which there are two sets: a source was a master, and a replica a slave.
func readChannels(rows *sql.Rows) (found []channel, err error) {
	names, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	for i, name := range names {
		names[i] = strings.NewReplacer("Master", "Source", "Slave", "Replica", "Connection_name", "Channel_Name").Replace(name)
	}
	texts, into := make([]sql.NullString, len(names)), make([]any, len(names))
	for i := range texts {
		into[i] = &texts[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		value := make(map[string]sql.NullString, len(names))
		for i, name := range names {
			value[name] = texts[i]
		}
		found = append(found, channelOf(value))
	}
	return found, rows.Err()
}

func channelOf(value map[string]sql.NullString) channel {
	text := func(name string) string { return value[name].String }
	c := channel{
		name: text("Channel_Name"), host: text("Source_Host"), port: text("Source_Port"), serverID: text("Source_Server_Id"), uuid: text("Source_UUID"),
		io: text("Replica_IO_Running"), sql: text("Replica_SQL_Running"), ioError: text("Last_IO_Errno"), sqlError: text("Last_SQL_Errno"),
		usesGTID: text("Using_Gtid") != "" && text("Using_Gtid") != "No", gtid: text("Gtid_IO_Pos"), file: text("Source_Log_File"), pos: text("Read_Source_Log_Pos"),
	}
	if seconds, err := time.ParseDuration(text("Seconds_Behind_Source") + "s"); err == nil {
		c.behind, c.known = seconds, true
	}
	return c
}
