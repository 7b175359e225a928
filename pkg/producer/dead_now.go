package producer

import (
	"context"
	"errors"
	"slices"

	"rehome/pkg/keyspace"
	"rehome/pkg/ledger"
	"rehome/pkg/legacy"
	"rehome/pkg/mapping"
	"rehome/pkg/plan"
	"rehome/pkg/shard"
	"rehome/pkg/transfer"
	"rehome/pkg/worker"
)

// A scene is what an attempt would meet now.
type scene struct {
	*DeadLetters
	m       *ledger.Migration
	planned plan.Record
	mapping *mapping.Compiled // nil where the legacy schema does not fit any more
	now     shard.Circumstances
}

// otherSchema stands for the fingerprint of a legacy schema that the mapping does not fit any more.
const otherSchema = "another one"

// look looks at both databases as they are. The error is a *Refusal where they are not those of the migration.
func (d *DeadLetters) look(ctx context.Context) (*scene, error) {
	m, planned, err := d.load(ctx)
	if err != nil {
		return nil, err
	}
	s := &scene{DeadLetters: d, m: m, planned: planned, now: shard.Circumstances{Mapping: m.Mapping, Rehome: d.Version}}
	from, err := d.Legacy.Identity(ctx)
	if err != nil {
		return nil, err
	}
	if from != m.Legacy {
		return nil, refuse("migration %s was planned from another legacy database than LEGACY_DSN names: use that one", m.Name)
	}
	position, err := d.Legacy.Position(ctx)
	if err != nil {
		return nil, err
	}
	s.now.Position = position.Text
	canonical, err := d.ledger().Mapping(ctx, m.Mapping)
	if err != nil {
		return nil, err
	}
	switch s.mapping, err = worker.Compile(ctx, d.Legacy, canonical, m); {
	case worker.SchemaChanged(err):
		s.now.Legacy = otherSchema
	case err != nil:
		return nil, err
	default:
		s.now.Legacy = s.mapping.Fingerprint
	}
	s.now.Target, err = worker.Laws(ctx, d.Pool, d.ledger(), m.Name, s.fed())
	if kind, _ := shard.KindOf(err); err != nil && kind == shard.Schema { // a fed table is gone
		err = nil
	}
	return s, err
}

func (s *scene) fed() (tables []string) {
	for _, e := range s.planned.Entries {
		if !slices.Contains(tables, e.Into) {
			tables = append(tables, e.Into)
		}
	}
	return tables
}

// changed tells what is not as it was when the shard was last tried.
func (s *scene) changed(ctx context.Context, tried shard.Circumstances) ([]string, error) {
	now := s.now
	if tried.Position != "" && now.Position != "" {
		still, err := s.Legacy.Standstill(ctx, []string{tried.Position, now.Position})
		if err != nil {
			return nil, err
		}
		if still {
			now.Position = tried.Position
		}
	}
	return tried.Changed(now), nil
}

var errSchema = errors.New("the legacy schema is not what it was when the migration was planned: undo the change, or reset and plan again")

// open opens a snapshot, which the caller closes, and what counts in it.
func (s *scene) open(ctx context.Context) (*legacy.Snapshot, *transfer.Mover, error) {
	if s.mapping == nil {
		return nil, nil, errSchema
	}
	snapshot, err := s.Legacy.Snapshot(ctx, legacy.Reading{Users: s.mapping.Keys, MaxRowBytes: s.mapping.File.MaxRowBytes})
	return snapshot, &transfer.Mover{Mapping: s.mapping}, err
}

// count tells what the legacy database has of the shard at this moment, but for users whom the ledger holds. Of a shard that does units again these are the users
// whom no shard has read: the others stay what they are.
func (s *scene) count(ctx context.Context, d *ledger.Discarding) (left ledger.LeftOut, err error) {
	snapshot, mover, err := s.open(ctx)
	if err != nil {
		return left, err
	}
	defer func() { _ = snapshot.Close() }() // nothing was written: what was counted counts
	left.Position = snapshot.Position()
	if d.Shard.Kind != shard.Redo {
		left.Users, left.Tables, err = mover.LeaveOut(ctx, &d.Shard, snapshot, d)
		if !d.Shard.Kind.ByUser() {
			left.Users = nil
		}
		return left, err
	}
	if left.Users, err = d.Unread(ctx); err != nil || len(left.Users) == 0 {
		return left, err
	}
	if left.Users, err = snapshot.Units(ctx, shard.Slice{Kind: shard.OfUsers, Only: left.Users}); err != nil {
		return left, err
	}
	left.Tables, err = mover.LeaveOutUsers(ctx, &d.Shard, snapshot, left.Users)
	return left, err
}

// span spells the first and the last of the users, for the person who asks.
func span(users []keyspace.Key) (first, last string) {
	if len(users) == 0 {
		return "", ""
	}
	return string(users[0].Canonical()), string(users[len(users)-1].Canonical())
}
