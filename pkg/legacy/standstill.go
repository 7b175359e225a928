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
	if numbered, err := db.numbered(ctx); err != nil || !numbered {
		return false, err
	}
	var first string
	files := map[string]bool{}
	for i, position := range positions {
		where, _, _ := strings.Cut(position, " ")
		file := where[:max(0, strings.LastIndexByte(where, ':'))]
		if files[file] { // at two places of one file: something was written between them
			return false, nil
		}
		files[file] = true
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

// numbered reports whether all transactions have GTIDs. MySQL may know some that were committed when they had, and not the newer ones.
func (db *DB) numbered(ctx context.Context) (bool, error) {
	if db.version.maria {
		return true, nil
	}
	var mode string
	if err := db.pool.QueryRowContext(ctx, `SELECT @@GLOBAL.gtid_mode`).Scan(&mode); err != nil {
		return false, failed(err, "ask whether transactions have GTIDs")
	}
	return mode == "ON", nil
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
