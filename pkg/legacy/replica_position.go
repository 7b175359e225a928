package legacy

import (
	"context"
	"strconv"
	"strings"
)

// comparable tells whether the positions of both servers can be compared, which they can by GTID.
func (r *Replica) comparable(ctx context.Context) (bool, error) {
	switch {
	case r.source.version.maria != r.db.version.maria:
		return false, nil
	case r.source.version.maria:
		return true, nil
	}
	for _, db := range []*DB{r.source, r.db} {
		var mode string
		if err := db.pool.QueryRowContext(ctx, `SELECT @@GLOBAL.gtid_mode`).Scan(&mode); err != nil {
			return false, failed(err, "ask %s for its gtid_mode", db.at)
		}
		if mode != "ON" {
			return false, nil
		}
	}
	return true, nil
}

// sourcePosition returns the transactions that the source has committed; empty where they cannot be compared.
func (r *Replica) sourcePosition(ctx context.Context) (at string, err error) {
	if !r.gtids {
		return "", nil
	}
	query := `SELECT @@GLOBAL.gtid_executed`
	if r.source.version.maria {
		query = `SELECT @@GLOBAL.gtid_binlog_pos`
	}
	if err := r.source.pool.QueryRowContext(ctx, query).Scan(&at); err != nil {
		return "", failed(err, "read the position of the legacy server at %s", r.source.at)
	}
	return at, nil
}

// reached asks for the transactions that the replica has done, and returns what tells whether a position of the source is among them.
func (r *Replica) reached(ctx context.Context) (func(string) (bool, error), error) {
	if !r.source.version.maria {
		return func(at string) (done bool, err error) {
			err = r.db.pool.QueryRowContext(ctx, `SELECT GTID_SUBSET(?, @@GLOBAL.gtid_executed)`, at).Scan(&done)
			return done, err
		}, nil
	}
	var text string
	if err := r.db.pool.QueryRowContext(ctx, `SELECT @@GLOBAL.gtid_slave_pos`).Scan(&text); err != nil {
		return nil, failed(err, "read the position of the replica at %s", r.db.at)
	}
	done := gtidsOf(text)
	return func(at string) (bool, error) { return reachedBy(gtidsOf(at), done), nil }, nil
}

// reachedBy reports whether a replica that has done so much has come to the position. What the source has written in a domain that the replica does
// not know, its data was made with: it never came to it as a transaction.
func reachedBy(at, done map[string]gtid) bool {
	for domain, g := range at {
		if d, knows := done[domain]; knows && d.number < g.number {
			return false
		}
	}
	return true
}

// A gtid is MariaDB's, without its domain.
type gtid struct {
	server string
	number uint64
}

// gtidsOf reads MariaDB's list of DOMAIN-SERVER-NUMBER. What is none is left out.
func gtidsOf(text string) map[string]gtid {
	out := map[string]gtid{}
	for one := range strings.SplitSeq(text, ",") {
		domain, rest, _ := strings.Cut(strings.TrimSpace(one), "-")
		server, digits, _ := strings.Cut(rest, "-")
		if number, err := strconv.ParseUint(digits, 10, 64); err == nil {
			out[domain] = gtid{server, number}
		}
	}
	return out
}
