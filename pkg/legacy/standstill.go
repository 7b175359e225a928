package legacy

import (
	"context"
	"database/sql"
	"slices"
	"strings"
)

// Standstill reports whether nothing was committed between any two of the positions, which are the texts of Positions of this server,
// so that they may differ and be of one state: a server that is started again, or told to, begins another file of its binlog. Where
// the server cannot tell any more, as the file is gone or its transactions have no GTIDs, different positions are different states.
func (db *DB) Standstill(ctx context.Context, positions []string) (bool, error) {
	positions = slices.Compact(slices.Sorted(slices.Values(positions)))
	if len(positions) < 2 {
		return true, nil
	}
	var first string
	for i, position := range positions {
		gtids, err := db.gtids(ctx, position)
		if err != nil || gtids == "" {
			return false, err
		}
		if i == 0 {
			first = gtids
		}
		if gtids != first {
			return false, nil
		}
	}
	return true, nil
}

// gtids returns the transactions that were committed by the position; empty where nobody knows.
func (db *DB) gtids(ctx context.Context, position string) (string, error) {
	where, executed, _ := strings.Cut(position, " ")
	if !db.version.maria || executed != "" {
		return executed, nil
	}
	cut := strings.LastIndexByte(where, ':')
	if cut < 0 {
		return "", nil
	}
	// The server reads the file from its beginning for it: seconds, and only where a file has been left.
	var gtids sql.NullString
	err := db.pool.QueryRowContext(ctx, `SELECT BINLOG_GTID_POS(?, ?)`, where[:cut], where[cut+1:]).Scan(&gtids)
	if err != nil {
		return "", failed(err, "ask what was committed by the binlog's position %s", where)
	}
	return gtids.String, nil
}
