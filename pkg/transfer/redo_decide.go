package transfer

import (
	"bytes"

	"rehome/pkg/checksum"
	"rehome/pkg/mapping"
	"rehome/pkg/shard"
)

// decide compares the versions of one row: as we left it, as it stands, and as the legacy database has it. What stands as we left it
// follows the legacy database; what the target itself has changed stays as it is, unless the legacy database is to win.
func decide(e *mapping.RowPlan, c *shard.Compared, overwrite bool) shard.Decision {
	switch {
	case c.Base == nil:
		return decideStrange(c, overwrite)
	case c.Now == nil:
		return decideDeleted(c, overwrite)
	case c.New != nil && bytes.Equal(c.New.Tuple, c.Now):
		if *c.Base == checksum.Row(e.Into, c.Now) {
			return shard.Decision{Action: shard.Keep}
		}
		return shard.Decision{Action: shard.Adopt}
	}
	d := shard.Decision{Action: shard.Update}
	if c.New == nil {
		d.Action = shard.Delete
	}
	// What the target has put beside the fed columns outlasts an update, and not a deletion.
	if *c.Base == checksum.Row(e.Into, c.Now) && (c.New != nil || !c.Beside) {
		return d
	}
	d.Conflict = shard.ConflictChanged
	if !overwrite {
		d.Action = shard.Leave
	}
	return d
}

// decideStrange is about a key that we never wrote: a row that stands there is not ours, even if it holds just the same.
func decideStrange(c *shard.Compared, overwrite bool) shard.Decision {
	switch {
	case c.Now == nil:
		return shard.Decision{Action: shard.Insert}
	case overwrite:
		return shard.Decision{Action: shard.Update, Conflict: shard.ConflictAdded}
	}
	return shard.Decision{Action: shard.Taken, Conflict: shard.ConflictAdded}
}

// decideDeleted is about a row of ours that is gone from the target.
func decideDeleted(c *shard.Compared, overwrite bool) shard.Decision {
	switch {
	case c.New == nil:
		return shard.Decision{Action: shard.Forget}
	case overwrite:
		return shard.Decision{Action: shard.Insert, Conflict: shard.ConflictDeleted}
	}
	return shard.Decision{Action: shard.Leave, Conflict: shard.ConflictDeleted}
}
