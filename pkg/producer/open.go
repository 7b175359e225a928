package producer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"github.com/jackc/pgx/v5"

	"rehome/pkg/ledger"
	"rehome/pkg/mapping"
	"rehome/pkg/plan"
	"rehome/pkg/report"
	"rehome/pkg/target"
	"rehome/pkg/worker"
)

// A Run is one migration of which the ledger has a plan, and the right to be the only one at work on it.
type Run struct {
	*Producer
	ledger  *ledger.Ledger
	lock    *ledger.RunLock
	m       *ledger.Migration
	planned plan.Record
	mapping *mapping.Compiled
	left    int // shards that were to be done when it was begun
	off     int // parts that were off then

	watcher func(report.Progress) // may be nil
	shown   report.Progress       // what the watcher was told last
}

// Close gives the right to run back. It ends no work: whoever called Go has waited for it.
func (r *Run) Close() {
	_ = r.lock.Close(context.Background()) // the lock ends with its connection anyway
}

// Finished reports whether the verdict stood when the run was begun, and nothing was left to do: no shard that was republished, and no
// constraint or index that could not be put back.
func (r *Run) Finished() bool { return r.m.State == ledger.Finished && r.left == 0 && r.off == 0 }

// survey looks for what is left to do.
func (r *Run) survey(ctx context.Context) error {
	left, err := r.ledger.Next(ctx, r.m.Name, math.MaxInt32)
	if err != nil {
		return err
	}
	off, _, err := r.detached(ctx)
	r.left, r.off = len(left), len(off)
	return err
}

// lock takes the run lock. The error is a *Refusal where another run of the migration is alive.
func (p *Producer) lock(ctx context.Context) (*ledger.RunLock, error) {
	lock, err := p.ledger().Lock(ctx, p.name())
	if locked := (*ledger.LockedError)(nil); errors.As(err, &locked) {
		return nil, refuse("%w; let it finish, or stop it, and start again", locked)
	}
	return lock, err
}

// resume takes the run lock and opens the migration, which must be planned.
func (p *Producer) resume(ctx context.Context, open func(context.Context) (*Run, error)) (*Run, error) {
	lock, err := p.lock(ctx)
	if err != nil {
		return nil, err
	}
	r, err := open(ctx)
	if err != nil {
		return nil, errors.Join(err, lock.Close(context.WithoutCancel(ctx)))
	}
	r.lock = lock
	return r, nil
}

// upgrade brings the target's ledger up to this program's version. It makes none: the error then wraps ledger.ErrAbsent.
func (p *Producer) upgrade(ctx context.Context) error {
	return p.conn(ctx, func(conn *pgx.Conn) error {
		err := ledger.CheckVersion(ctx, conn)
		if err == nil || errors.Is(err, ledger.ErrAbsent) {
			return err
		}
		return ledger.Install(ctx, conn)
	})
}

// stored loads a migration that is planned as the ledger has it, whatever the mapping and the databases are by now; where there is
// none, notPlanned knows the error. The run it returns has neither a lock nor a compiled mapping.
func (p *Producer) stored(ctx context.Context) (*Run, error) {
	if err := p.upgrade(ctx); err != nil {
		return nil, err
	}
	r := &Run{Producer: p, ledger: p.ledger()}
	m, err := r.ledger.Load(ctx, p.name())
	if err != nil {
		return nil, err
	}
	r.m = m
	if err := json.Unmarshal(m.Plan, &r.planned); err != nil {
		return nil, fmt.Errorf("read the plan of migration %s in the ledger: %w", m.Name, err)
	}
	return r, nil
}

// open loads a migration that is planned; where there is none, notPlanned knows the error. It refuses a mapping, a legacy
// database or a target other than those the plan was made with. The run it returns has no lock.
func (p *Producer) open(ctx context.Context) (*Run, error) {
	r, err := p.stored(ctx)
	if err != nil {
		return nil, err
	}
	m := r.m
	if err := p.sameDatabases(ctx, m); err != nil {
		return nil, err
	}
	canonical, err := r.ledger.Mapping(ctx, m.Mapping)
	if err != nil {
		return nil, err
	}
	if err := p.sameMapping(canonical, m); err != nil {
		return nil, err
	}
	if p.File.Legacy.TimeZone.Text != r.planned.TimeZone {
		return nil, refuse("legacy.time_zone is %q, and migration %s was planned with %q: put it back, or reset and plan again",
			p.File.Legacy.TimeZone.Text, m.Name, r.planned.TimeZone)
	}
	if r.mapping, err = worker.Compile(ctx, p.Legacy, canonical, m); worker.SchemaChanged(err) {
		err = &Stopped{err.Error()}
	}
	return r, err
}

// sameDatabases guards against a ledger that was made from another legacy server or database, and a target that is a copy of another.
func (p *Producer) sameDatabases(ctx context.Context, m *ledger.Migration) error {
	from, to, err := p.identities(ctx)
	switch {
	case err != nil:
		return err
	case from != m.Legacy:
		return refuse("migration %s in this target's ledger was planned from another legacy database than LEGACY_DSN names: use that one, or another name", m.Name)
	case to != m.Target:
		return refuse("the ledger of migration %s was made for another target database than this one, as in a restored copy: use that one, or reset", m.Name)
	}
	return nil
}

func (p *Producer) identities(ctx context.Context) (from, to string, err error) {
	if from, err = p.Legacy.Identity(ctx); err != nil {
		return "", "", err
	}
	to, err = p.targetIdentity(ctx)
	return from, to, err
}

// targetIdentity refuses another target than target.database says.
func (p *Producer) targetIdentity(ctx context.Context) (string, error) {
	id, err := target.Identify(ctx, p.Pool)
	if err != nil {
		return "", err
	}
	if want := p.File.Target.Database.Text; want != "" && want != id.Database {
		return "", refuse("TARGET_DSN leads to database %s, and target.database says %s", id.Database, want)
	}
	return fmt.Sprintf("%d/%d", id.System, id.OID), nil
}

// sameMapping refuses a mapping that means something else than the one that the plan was made from.
func (p *Producer) sameMapping(canonical []byte, m *ledger.Migration) error {
	if mapping.Hash(p.File) == m.Mapping {
		return nil
	}
	old, err := mapping.Decode(canonical)
	if err != nil {
		return err
	}
	lines := "\n"
	for _, line := range mapping.Changes(old, p.File) {
		lines += "  " + line + "\n"
	}
	return refuse("the mapping is not the one that migration %s was planned with:%sput these back, or take the migration out with reset and plan again", m.Name, lines)
}
