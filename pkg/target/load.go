package target

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"rehome/pkg/throttle"
)

// ActiveBackends returns how many of the server's sessions with clients are active, over all databases and roles, ours among them, without the one that asks
// and without those that wait for their client: a COPY that rests does not keep itself from going on. An error that throttle.IsUnmeasurable knows
// says that the role does not see them all.
func ActiveBackends(ctx context.Context, db DB) (int, error) {
	// What the role may not see has neither state nor type; in a query of its own, so that it is no busier than others find it.
	const query = `
		SELECT count(*) FILTER (WHERE state IN ('active', 'fastpath function call') AND wait_event_type IS DISTINCT FROM 'Client'),
		       current_user::text, pg_has_role('pg_read_all_stats', 'USAGE')
		FROM pg_stat_activity
		WHERE pid <> pg_backend_pid() AND (backend_type = 'client backend' OR backend_type IS NULL)`
	var active int
	var role string
	var sees bool
	if err := db.QueryRow(ctx, query).Scan(&active, &role, &sees); err != nil {
		return 0, classify(err, "count the target server's active backends", "")
	}
	return active, unseen(sees, role, "only its own sessions")
}

// unseen is why a role does not see what others do.
func unseen(sees bool, role, what string) error {
	if sees {
		return nil
	}
	return throttle.Unmeasurablef("role %s of the target sees %s: GRANT pg_read_all_stats (or pg_monitor) TO it", role, what)
}

// Standbys tell how far the servers that replicate from the target are behind. The zero Standbys are ready; they are for one goroutine.
type Standbys struct {
	trails map[string]*throttle.Trail[int64] // by name
	names  []string                          // of those that there were, sorted
}

// A standby is what the server says of one of them.
type standby struct {
	Name     string         // application_name and address
	Flushed  int64          // by the server, in bytes of WAL
	Replayed int64          // by the standby
	Told     *time.Duration // lag, as the server has measured it last; nil where it knows none
}

// Lag returns the largest lag of the standbys that stream from the server: as the server says, and as long as one has not replayed what the
// server had written, if that is longer; the server does not say so of one that has paused. It is an error if one is gone that there was, as nobody can be further
// behind. An error that throttle.IsUnmeasurable knows says that there is none, or that the role does not see them.
func (s *Standbys) Lag(ctx context.Context, db DB) (time.Duration, error) {
	var role string
	var sees bool
	if err := db.QueryRow(ctx, `SELECT current_user::text, pg_has_role('pg_read_all_stats', 'USAGE')`).Scan(&role, &sees); err != nil {
		return 0, classify(err, "ask for the target's standbys", "")
	}
	if err := unseen(sees, role, "no lag of standbys"); err != nil {
		return 0, err
	}
	// A receiver of WAL that replays nothing, such as a backup, has no replay_lsn.
	const query = `
		SELECT application_name || coalesce(' at ' || host(client_addr), ''), (pg_current_wal_flush_lsn() - '0/0'::pg_lsn)::bigint,
		       (replay_lsn - '0/0'::pg_lsn)::bigint, greatest(write_lag, flush_lag, replay_lag)
		FROM pg_stat_replication
		WHERE replay_lsn IS NOT NULL AND state IN ('streaming', 'catchup')
		ORDER BY 1, backend_start`
	found, err := collect[standby](ctx, db, query)
	if err != nil {
		return 0, classify(err, "ask for the target's standbys", "")
	}
	if err := s.gone(found); err != nil {
		return 0, err
	}
	return s.behind(found, time.Now()), nil
}

// gone refuses where there are fewer standbys than there were.
func (s *Standbys) gone(found []standby) error {
	var names []string
	for _, f := range found {
		names = append(names, f.Name)
	}
	slices.Sort(names)
	missing := without(s.names, names)
	switch {
	case len(missing) > 0:
		return fmt.Errorf("standby %s of the target was there and is not any more: bring it back, or take the limit away with producer limit replication_lag=off "+
			"(and set it anew to go by the others)", strings.Join(missing, ", "))
	case len(found) == 0:
		return throttle.Unmeasurablef("no standby replicates from the target, so that there is no lag to limit: producer limit replication_lag=off")
	}
	s.names = names
	return nil
}

// without returns those of all that are not among some; both are sorted, and one may be in them several times.
func without(all, some []string) (missing []string) {
	for _, name := range all {
		if i := slices.Index(some, name); i >= 0 {
			some = slices.Concat(some[:i], some[i+1:])
			continue
		}
		missing = append(missing, name)
	}
	return missing
}

func (s *Standbys) behind(found []standby, now time.Time) (worst time.Duration) {
	trails := map[string]*throttle.Trail[int64]{}
	for i, f := range found {
		key := f.Name
		if _, twice := trails[key]; twice {
			key += "#" + strconv.Itoa(i)
		}
		trail := s.trails[key]
		if trail == nil {
			trail = &throttle.Trail[int64]{}
		}
		trails[key] = trail
		lag, _ := trail.Behind(now, f.Flushed, func(at int64) (bool, error) { return at <= f.Replayed, nil }) // nothing can fail
		if f.Told != nil && f.Replayed < f.Flushed {                                                          // of one that has all, the server tells what was, for ten seconds
			lag = max(lag, *f.Told)
		}
		worst = max(worst, lag)
	}
	s.trails = trails
	return worst
}
