package sandbox

import (
	"context"
	"net"
	"testing"
	"time"
)

// A Pair is a legacy server of a test's own and its replica, which goes by GTID.
type Pair struct {
	Source  string // DSN of the database pair, as root
	Replica string // likewise; what is written to the source arrives there
	Link    *Proxy // by which the replica reads; nil where it reads straight from the source
}

// small is how a server of a test's own is started.
var small = Options{Fast: true, BufferPool: 16}

// NewPair starts both servers, MySQL's in a build with the tag mysql and else MariaDB's, and closes them when t ends. The replica reads over a Proxy
// where that is asked for.
func NewPair(t testing.TB, proxied bool) Pair {
	t.Helper()
	source, replica := startLegacy(t, small), startLegacy(t, small)
	p := Pair{Source: source.DSN("pair"), Replica: replica.DSN("pair")}
	address := loopback(source.port)
	if proxied {
		p.Link = NewProxy(t, address)
		address = p.Link.Addr()
	}
	host, port, _ := net.SplitHostPort(address) // both are ours
	for _, statement := range append(sourceStatements(replica.password), `CREATE DATABASE pair`) {
		if err := source.exec(t.Context(), statement); err != nil {
			t.Fatalf("set up a server that has a replica: %v", err)
		}
	}
	for _, statement := range replicaStatements(host, port, replica.password) {
		if err := replica.exec(t.Context(), statement); err != nil {
			t.Fatalf("set up a replica: %v", err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), startLimit)
	defer cancel()
	for tick := time.NewTicker(probeEvery); ; <-tick.C {
		db, err := Open(p.Replica)
		if err == nil {
			err = db.PingContext(ctx)
			_ = db.Close() // it was only asked
		}
		if err == nil {
			tick.Stop()
			return p
		}
		if ctx.Err() != nil {
			t.Fatalf("wait for a replica to begin: %v", err)
		}
	}
}
