package worker

import (
	"context"
	"encoding/json"
	"fmt"

	"rehome/pkg/ledger"
	"rehome/pkg/shard"
	"rehome/pkg/target"
)

// Laws returns the hash of what decides about rows of the tables that the mapping feeds, the same whether the constraints of the load are off or on.
func Laws(ctx context.Context, db target.DB, l *ledger.Ledger, name string, tables []string) (string, error) {
	parts, err := l.Parts(ctx, name)
	if err != nil {
		return "", err
	}
	var off []target.Part
	for _, row := range parts {
		if row.State == ledger.Valid {
			continue
		}
		var part target.Part
		if err := json.Unmarshal(row.Detail, &part); err != nil {
			return "", fmt.Errorf("read the definition of %s in the ledger: %w", row.Name, err)
		}
		off = append(off, part)
	}
	return target.Laws(ctx, db, tables, off)
}

// tried tells, of a failure that the shard dies of if it counts, what the attempt was made with. What cannot be had stays empty, and counts as changed.
func (s *slot) tried(ctx context.Context, claim ledger.Claim, mapped fitted) shard.Circumstances {
	if claim.Failed+1 < maxFailures {
		return shard.Circumstances{}
	}
	c := shard.Circumstances{Mapping: claim.Mapping, Rehome: s.Version, Position: s.read, Legacy: mapped.Fingerprint}
	conn, err := s.Connect(ctx)
	if err == nil {
		c.Target, err = Laws(ctx, conn, s.Ledger, s.Migration, mapped.Fed())
		_ = conn.Close(ctx) // nothing was written
	}
	if err != nil {
		s.Log.WarnContext(ctx, "what the target's tables are like could not be kept with a shard that dies", "migration", s.Migration,
			"shard", claim.Shard.Ordinal, "err", err)
	}
	return c
}
