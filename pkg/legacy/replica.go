package legacy

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"

	"rehome/pkg/throttle"
)

// A Replica is a replica of the legacy server, whose lag tells what the migration does to those who read from it. It is for one goroutine; its
// opener closes it before the legacy DB.
type Replica struct {
	db     *DB
	source *DB
	from   channel // by which it reads from the source, when that was proved last
	gtids  bool    // positions of both servers can be compared
	trail  throttle.Trail[string]
}

// OpenReplica connects to the server that the configuration names, and proves that it replicates from the source: a lag that is measured
// elsewhere says nothing. An error that throttle.IsUnmeasurable knows says that it does not, or that nobody can tell.
func OpenReplica(ctx context.Context, config *mysql.Config, source *DB) (*Replica, error) {
	db, err := open(ctx, config, "the replica")
	if err != nil {
		return nil, err
	}
	r := &Replica{db: db, source: source}
	if err = r.distinct(ctx); err == nil {
		var found []channel
		if found, err = r.channels(ctx); err == nil {
			err = r.prove(ctx, found)
		}
	}
	if err == nil {
		r.gtids, err = r.comparable(ctx)
	}
	if err != nil {
		_ = db.Close() // nothing was written
		return nil, err
	}
	return r, nil
}

// Close closes the connection to the replica, and leaves the source's alone.
func (r *Replica) Close() error { return r.db.Close() }

// Unseen returns what of its lag nobody can see, for the operator; empty where there is no such thing.
func (r *Replica) Unseen() string {
	if r.gtids {
		return ""
	}
	return fmt.Sprintf("the replica at %s tells its lag itself, and takes it for 0 while its link to the legacy server hangs: that is seen only where both "+
		"go by GTID", r.db.at)
}

// Lag returns how far the replica is behind: as it says itself, and as long as it has not done what the legacy server had done, if that is longer.
// Where it does not replicate the lag is unknown, which is an error.
func (r *Replica) Lag(ctx context.Context) (time.Duration, error) {
	// Before the replica is asked: what it has not done of this, it is behind.
	at, err := r.sourcePosition(ctx)
	if err != nil {
		return 0, err
	}
	found, err := r.channels(ctx)
	if err != nil {
		return 0, err
	}
	now, is := r.from.among(found)
	if !is {
		if err := r.prove(ctx, found); err != nil {
			return 0, err
		}
		now = r.from
	}
	if err := now.replicating(r.db.at); err != nil {
		return 0, err
	}
	if !r.gtids {
		return now.behind, nil
	}
	reached, err := r.reached(ctx)
	if err != nil {
		return 0, err
	}
	behind, err := r.trail.Behind(time.Now(), at, reached)
	if err != nil {
		return 0, failed(err, "compare the positions of the legacy server and its replica at %s", r.db.at)
	}
	return max(behind, now.behind), nil
}

// distinct refuses the source itself.
func (r *Replica) distinct(ctx context.Context) error {
	own, err := r.db.server(ctx)
	if err != nil {
		return failed(err, "read the identity of the replica at %s", r.db.at)
	}
	other, err := r.source.server(ctx)
	if err != nil {
		return failed(err, "read the identity of the legacy server at %s", r.source.at)
	}
	if own == other {
		return throttle.Unmeasurablef("REPLICA_DSN leads to the legacy server itself, at %s, which is never behind: name a replica of it", r.db.at)
	}
	return nil
}

// prove looks among the channels for the one that reads from the source.
func (r *Replica) prove(ctx context.Context, found []channel) error {
	if len(found) == 0 {
		return throttle.Unmeasurablef("REPLICA_DSN leads to %s, which is no replica: name one that replicates from the legacy server at %s", r.db.at, r.source.at)
	}
	var id, uuid string
	query := `SELECT @@server_id, @@server_uuid`
	if r.source.version.maria {
		query = `SELECT @@server_id, ''`
	}
	if err := r.source.pool.QueryRowContext(ctx, query).Scan(&id, &uuid); err != nil {
		return failed(err, "read the server_id of the legacy server at %s", r.source.at)
	}
	var others []string
	alike := false
	for _, c := range found {
		same := c.uuid == uuid
		if c.uuid == "" || uuid == "" { // MariaDB has none, and its server_id is often the same on servers that know nothing of each other
			var err error
			if same = c.serverID == id; same {
				if same, err = r.sameServer(ctx, c); err != nil {
					return err
				}
				alike = alike || !same
			}
		}
		if same {
			r.from = c
			return nil
		}
		id := "server_id " + c.serverID
		if c.serverID == "0" {
			id = "to which it has never been connected yet"
		}
		others = append(others, c.address()+" ("+id+")")
	}
	if alike {
		return throttle.Unmeasurablef("the replica at %s replicates from %s, which has the server_id of the legacy server at %s, and nothing else proves that it "+
			"is that server: name it by the same address in both places, or let the replica go by GTID", r.db.at, strings.Join(others, ", "), r.source.at)
	}
	return throttle.Unmeasurablef("the replica at %s replicates from %s, and not from the legacy server at %s (server_id %s): name one that reads from that server "+
		"itself, not from another replica", r.db.at, strings.Join(others, ", "), r.source.at, id)
}
