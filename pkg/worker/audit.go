package worker

import (
	"context"
	"fmt"
	"time"

	"rehome/pkg/audit"
	"rehome/pkg/ledger"
	"rehome/pkg/shard"
	"rehome/pkg/target"
)

// audit reads a shard that is done again, in the transaction that writes down what it found.
func (s *slot) audit(ctx context.Context, of *shard.Shard, mapped fitted, from *source, book *ledger.Book) error {
	zone, err := time.LoadLocation(mapped.File.Legacy.TimeZone.Text)
	if err != nil {
		return shard.Fail(shard.Schema, "", fmt.Errorf("audit shard %s: the time zone of the plan is not known here: %w", of.ID, err))
	}
	a := audit.Auditor{Mapping: mapped.Compiled, Zone: zone}
	_, err = a.Audit(ctx, of, from, target.NewTx(s.conn), book.Audit())
	return err
}
