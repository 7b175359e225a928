package legacy

import (
	"context"
	"net"
	"slices"
	"strconv"
	"strings"
)

// sameServer tells whether the channel reads from the source, whose server_id it names: they are the same address, or the source's binlog has at the
// channel's position what the channel has read there.
func (r *Replica) sameServer(ctx context.Context, c channel) (bool, error) {
	names := `SELECT @@hostname, COALESCE(@@report_host, ''), @@port`
	var sourceHost, report, port, replicaHost string
	if err := r.source.pool.QueryRowContext(ctx, names).Scan(&sourceHost, &report, &port); err != nil {
		return false, failed(err, "read the address of the legacy server at %s", r.source.at)
	}
	if err := r.db.pool.QueryRowContext(ctx, `SELECT @@hostname`).Scan(&replicaHost); err != nil {
		return false, failed(err, "read the address of the replica at %s", r.db.at)
	}
	addresses := []string{net.JoinHostPort(sourceHost, port), net.JoinHostPort(report, port)}
	if _, _, err := net.SplitHostPort(r.source.at); err == nil {
		addresses = append(addresses, r.source.at)
	}
	for _, address := range addresses {
		if sameAddress(ctx, address, c.address(), sourceHost == replicaHost) {
			return true, nil
		}
	}
	return r.sameHistory(ctx, c)
}

// sameAddress tells whether both lead to one server as names, or as the addresses that this machine finds for them. A loopback address is the same
// only on one machine.
func sameAddress(ctx context.Context, a, b string, oneMachine bool) bool {
	hostA, portA, errA := net.SplitHostPort(a)
	hostB, portB, errB := net.SplitHostPort(b)
	if errA != nil || errB != nil || portA != portB || hostA == "" || hostB == "" {
		return false
	}
	others := resolve(ctx, hostB)
	if strings.EqualFold(hostA, hostB) && len(others) == 0 {
		return true
	}
	return slices.ContainsFunc(resolve(ctx, hostA), func(ip string) bool {
		return slices.Contains(others, ip) && (oneMachine || !net.ParseIP(ip).IsLoopback())
	})
}

func resolve(ctx context.Context, host string) []string {
	ips, err := net.DefaultResolver.LookupHost(ctx, host)
	if err != nil {
		return nil // a name that this machine does not know
	}
	return ips
}

// historyTries are made to catch the replica between two transactions.
const historyTries = 5

// sameHistory tells whether MariaDB's binlog has, at the place up to which the channel has read, the GTIDs that the channel has read.
func (r *Replica) sameHistory(ctx context.Context, c channel) (bool, error) {
	for range historyTries {
		if !r.source.version.maria || !c.usesGTID || c.gtid == "" {
			return false, nil
		}
		offset, err := strconv.ParseUint(c.pos, 10, 64)
		if err != nil {
			return false, nil //nolint:nilerr // it has read nothing
		}
		var there *string
		if err := r.source.pool.QueryRowContext(ctx, `SELECT BINLOG_GTID_POS(?, ?)`, c.file, offset).Scan(&there); err != nil {
			return false, failed(err, "look into the binlog of the legacy server at %s", r.source.at)
		}
		if there != nil && containsAll(gtidsOf(c.gtid), gtidsOf(*there)) {
			return true, nil
		}
		found, err := r.channels(ctx)
		if err != nil {
			return false, err
		}
		var still bool
		if c, still = c.among(found); !still {
			return false, nil
		}
	}
	return false, nil
}

// containsAll reports whether each domain of some is in all, with the same server and number, and there are any.
func containsAll(all, some map[string]gtid) bool {
	for domain, g := range some {
		if all[domain] != g {
			return false
		}
	}
	return len(some) > 0
}
