package shard

import "rehome/pkg/mapping"

// RestOf returns the kinds of shards that hold an entry's rows of no user. A join drops rows, which then belong to nobody, whether or
// not the entry's rows have users.
func RestOf(users mapping.Keyspace, p *mapping.RowPlan) []Kind {
	switch {
	case p.User == users.Key && p.From == users.From:
		return nil // the users' own table has no row of an unknown user
	case p.OfUsers():
		return []Kind{Unowned}
	case p.Joined:
		return []Kind{OwnKey, Unowned}
	}
	return []Kind{OwnKey}
}
