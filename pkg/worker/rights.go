package worker

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"rehome/pkg/ledger"
	"rehome/pkg/legacy"
	"rehome/pkg/mapping"
	"rehome/pkg/shard"
	"rehome/pkg/target"
	"rehome/pkg/telemetry"
)

// lacking returns err as a failure of the schema, with what an administrator has to do, where it came about for want of a right: trying again
// is useless until it is given, for this worker and its like. Any other error it returns as it is.
func (s *slot) lacking(ctx context.Context, err error, fed *mapping.TargetCatalog) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
	defer cancel()
	switch {
	case legacy.Lacks(err):
		defer s.Legacy.Refresh() // after Grant has used a session, too
		return shard.Fail(shard.Schema, "", fmt.Errorf("%w; an administrator of the legacy database gives the right: %s", err, s.Legacy.Grant(ctx)))
	case SchemaChanged(err):
		defer s.Legacy.Refresh() // after Grant has used a session, too
		return shard.Fail(shard.Schema, "", fmt.Errorf("%w; where nothing was changed, this worker's user does not see all of it: %s", err, s.Legacy.Grant(ctx)))
	case target.Lacks(err), ledger.Lacks(err):
		if missing := s.missing(ctx, fed); missing != "" {
			err = fmt.Errorf("%w; an administrator of the target gives the right: %s", err, missing)
		}
		return shard.Fail(shard.Schema, "", err)
	}
	return err
}

// missing returns the statements that give the worker's role what it needs of the target, as far as that can be found out.
func (s *slot) missing(ctx context.Context, fed *mapping.TargetCatalog) string {
	conn, err := s.Connect(ctx)
	if err != nil {
		return ""
	}
	defer func() { _ = conn.Close(ctx) }() // nothing was written
	statements, _ := ledger.Missing(ctx, conn)
	if fed != nil {
		var tables []string
		for _, t := range fed.Tables {
			tables = append(tables, t.Schema+"."+t.Name)
		}
		more, _ := target.Missing(ctx, conn, tables)
		statements = append(statements, more...)
	}
	return strings.Join(statements, "; ")
}

// unclaimed ends a task whose shard could not be asked for.
func (s *slot) unclaimed(ctx context.Context, task shard.Task, err error) ending {
	s.drop()
	e := ending{what: "not claimed", delay: outageDelay}
	e.final, e.err = s.halt(ctx, task.Migration, s.lacking(ctx, err, nil))
	return e
}

// halt stops all work on the migration after a failure of its schema, and returns err with what came of it; final tells that the worker's
// role may not even do that.
func (s *slot) halt(ctx context.Context, migration string, err error) (final bool, _ error) {
	if kind, _ := shard.KindOf(err); kind != shard.Schema {
		return false, err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
	defer cancel()
	halted := s.Ledger.Halt(ctx, migration, telemetry.Redact(err))
	return ledger.Lacks(halted), errors.Join(err, halted)
}
