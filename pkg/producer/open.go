package producer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"

	"rehome/pkg/aggregator"
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
	left    ledger.Left // what was to be done when it was begun
	off     int         // parts that were off then
	behind  int         // planned shards that still go by an earlier mapping, as somebody is at work on them

	options   Options
	heard     hearing         // of shards that have ended in this process
	heeds     bool            // the operator's pause, and the deadline
	watched   sync.Mutex      // what whoever watches is told is told by one at a time
	shown     report.Progress // what they were told last
	meters    *aggregator.Meters
	looking   sync.Mutex
	looker    aggregator.Looker  // for one at a time
	clockings clockings          // of stages of the end of the load
	census    *ledger.CensusAsOf // taken at the end of the load; nil before
}

// Close gives the right to run back. It ends no work: whoever called Go has waited for it.
func (r *Run) Close() {
	_ = r.lock.Close(context.Background()) // the lock ends with its connection anyway
}

// Finished reports whether the verdict stands and nothing is left to do: no shard that was republished, nobody who is to be done again, and
// no constraint or index that could not be put back.
func (r *Run) Finished() bool {
	return r.m.State == ledger.Finished && r.left == (ledger.Left{}) && r.planned.Redo == nil && r.off == 0
}

// ended reports whether the load has ended before, so that all constraints are on, and the target may be in use.
func (r *Run) ended() bool { return len(r.m.Verdict) > 0 && r.off == 0 }

// survey looks for what is left to do.
func (r *Run) survey(ctx context.Context) error {
	left, err := r.ledger.Left(ctx, r.m.Name)
	if err != nil {
		return err
	}
	off, _, err := r.detached(ctx)
	r.left, r.off = left, len(off)
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
	r := &Run{Producer: p, ledger: p.ledger(), meters: aggregator.NewMeters(p.name())}
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

// A changed decides about a mapping that is not the one, given in canonical form, that the migration goes by. Where it accepts it, the migration goes
// by it from then on.
type changed func(ctx context.Context, r *Run, canonical []byte) error

// open loads a migration that is planned; where there is none, notPlanned knows the error. It refuses a legacy database or a target
// other than those the plan was made with, and asks change about the mapping. The run it returns has no lock.
func (p *Producer) open(ctx context.Context, change changed) (*Run, error) {
	r, err := p.stored(ctx)
	if err != nil {
		return nil, err
	}
	if err := p.sameDatabases(ctx, r.m); err != nil {
		return nil, err
	}
	if p.File.Legacy.TimeZone.Text != r.planned.TimeZone {
		return nil, refuse("legacy.time_zone is %q, and migration %s was planned with %q: put it back, or reset and plan again",
			p.File.Legacy.TimeZone.Text, r.m.Name, r.planned.TimeZone)
	}
	canonical, err := r.ledger.Mapping(ctx, r.m.Mapping)
	if err != nil {
		return nil, err
	}
	if err := change(ctx, r, canonical); err != nil {
		return nil, err
	}
	if r.mapping == nil {
		r.mapping, err = r.compileStored(ctx, canonical)
	}
	return r, err
}

// compileStored compiles the mapping that the migration goes by. The error is a *Stopped where the legacy schema is not the planned one any more.
func (r *Run) compileStored(ctx context.Context, canonical []byte) (*mapping.Compiled, error) {
	c, err := worker.Compile(ctx, r.Legacy, canonical, r.m)
	if worker.SchemaChanged(err) {
		return nil, &Stopped{err.Error()}
	}
	return c, err
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

// sameMapping refuses a mapping that means something else than the one that the migration goes by.
func sameMapping(_ context.Context, r *Run, canonical []byte) error {
	if mapping.Hash(r.File) == r.m.Mapping {
		return nil
	}
	old, err := mapping.Decode(canonical)
	if err != nil {
		return err
	}
	return refuse("the mapping is not the one that migration %s goes by:%sput these back; producer run accepts a mapping that mends this one", r.m.Name,
		listed(mapping.Changes(old, r.File)))
}

// listed puts each line on one of its own.
func listed(lines []string) string { return "\n  " + strings.Join(lines, "\n  ") + "\n" }
