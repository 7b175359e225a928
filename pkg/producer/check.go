package producer

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/jackc/pgx/v5"

	"rehome/pkg/legacy"
	"rehome/pkg/mapping"
	"rehome/pkg/preflight"
	"rehome/pkg/target"
)

// An Inspection says how much of the data to look at.
type Inspection struct {
	Users    int                   // so many, spread over the keyspace; 0 is all
	Progress func(users, of int64) // may be nil
}

// Inspect compiles the mapping against both databases as they are, looks at the data, and lists all that it finds, for the person who
// asks: the result names keys and values of rows. It changes nothing. The error is a *Refusal where the target is another than the
// mapping says.
func (p *Producer) Inspect(ctx context.Context, how Inspection) (*preflight.Result, error) {
	if _, _, err := p.identities(ctx); err != nil {
		return nil, err
	}
	c, _, warnings, err := p.compile(ctx)
	faults, wrong := errors.AsType[mapping.Faults](err)
	if err != nil && !wrong {
		return nil, err
	}
	result := &preflight.Result{Migration: p.name()}
	if !wrong {
		if result, err = p.look(ctx, c, how); err != nil {
			return nil, err
		}
	}
	result.Findings = append(result.Findings, preflight.Faults(faults, preflight.Problem)...)
	result.Findings = append(result.Findings, preflight.Faults(warnings, preflight.Warning)...)
	for _, look := range p.looks(c, result.LookedAt.Full) {
		found, err := look(ctx)
		if err != nil {
			return nil, err
		}
		result.Findings = append(result.Findings, found...)
	}
	result.Sort()
	return result, nil
}

// look runs the mapping over the data, in one snapshot of the legacy database and a session of the target that can write nothing.
func (p *Producer) look(ctx context.Context, c *mapping.Compiled, how Inspection) (result *preflight.Result, err error) {
	snapshot, err := p.Legacy.Snapshot(ctx, legacy.Reading{Users: c.Keys, MaxRowBytes: c.File.MaxRowBytes})
	if err != nil {
		return nil, err
	}
	defer func() { _ = snapshot.Close() }() // nothing was written: what was read counts
	err = p.conn(ctx, func(conn *pgx.Conn) error {
		// No transaction: it would be open for as long as the legacy database is read.
		if _, err := conn.Exec(ctx, `SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY`); err != nil {
			return fmt.Errorf("make the session that asks the target about rows read-only: %w", err)
		}
		defer func() {
			_, _ = conn.Exec(context.WithoutCancel(ctx), `SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE`) // the pool's next user would say so
		}()
		check := &preflight.Check{
			Mapping: c, Source: snapshot, Target: courthouse{conn, c.Fed()}, Create: scratch, Users: how.Users, Progress: how.Progress,
		}
		result, err = check.Look(ctx)
		return err
	})
	return result, err
}

// A courthouse makes juries of the target.
type courthouse struct {
	conn *pgx.Conn
	fed  []string
}

// Jury returns what judges rows of the entry.
func (t courthouse) Jury(ctx context.Context, e *mapping.RowPlan, uniques []string) (preflight.Jury, error) {
	j, err := target.NewJury(ctx, t.conn, e, uniques, t.fed)
	if err != nil {
		return nil, err
	}
	return jury{j}, nil
}

// A jury is the target's, as a check asks it.
type jury struct{ *target.Jury }

// Laws tells what it judges by.
func (j jury) Laws() preflight.Laws {
	return preflight.Laws{Uniques: j.Uniques, NullsEqual: j.NullsEqual, Concerned: j.Concerned, Any: j.Any(), Unjudged: j.Unjudged}
}

// Hear judges tuples.
func (j jury) Hear(ctx context.Context, tuples []byte, ends []int, yield func(int, preflight.Verdict) error) error {
	return j.Jury.Hear(ctx, tuples, ends, func(i int, cause string, keys [][]byte) error {
		return yield(i, preflight.Verdict{Cause: cause, Keys: keys})
	})
}

// scratch makes a temporary file without a name: it is gone when it is closed, or when the process dies.
func scratch() (preflight.File, error) {
	file, err := os.CreateTemp("", "rehome-check-")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(file.Name()); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}
