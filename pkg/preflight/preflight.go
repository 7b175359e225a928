package preflight

import (
	"context"
	"fmt"

	"rehome/pkg/keyspace"
	"rehome/pkg/mapping"
	"rehome/pkg/shard"
	"rehome/pkg/value"
)

// A Check looks at the data of one migration. All but Users and Progress is required.
type Check struct {
	Mapping *mapping.Compiled
	Source  Source
	Target  Target
	Create  func() (File, error) // makes a temporary file; closing it removes it
	Users   int                  // how many to look at, spread over the keyspace; 0 is all

	// Progress is called now and then with the users that were looked at, and those that there are to look at.
	Progress func(users, of int64)
}

const (
	partUnits    = 5000 // units of one part, read by a statement for each entry
	sampleBlocks = 100  // places of the keyspace from which a sample is taken
)

// Look runs the mapping over the data. The Result holds what it finds there, and nothing of what the catalogs tell.
func (c *Check) Look(ctx context.Context) (*Result, error) {
	s := &scan{Check: c, hash: newHasher(), all: accounts{}, steppers: map[stepper]*value.Program{}}
	defer s.close()
	var err error
	if s.total, err = c.Source.CountUnits(ctx, shard.Slice{Kind: shard.OfUsers}); err != nil {
		return nil, err
	}
	s.full = c.Users <= 0 || int64(c.Users) >= s.total
	if err := s.prepare(ctx); err != nil {
		return nil, fmt.Errorf("look at the constraints of the fed tables: %w", err)
	}
	if err := s.users(ctx); err != nil {
		return nil, fmt.Errorf("look at the users: %w", err)
	}
	for _, plan := range c.Mapping.Plans {
		for _, kind := range shard.RestOf(c.Mapping.Keys, plan) {
			if err := s.rest(ctx, plan, kind); err != nil {
				return nil, fmt.Errorf("look at the rows of %s that belong to no user: %w", plan.Source, err)
			}
		}
	}
	if s.full {
		if err := s.collisions(ctx); err != nil {
			return nil, fmt.Errorf("look for duplicates: %w", err)
		}
	} else if err := s.extremes(ctx); err != nil {
		return nil, fmt.Errorf("look for the largest numbers: %w", err)
	}
	return s.result(), nil
}

// A scan is one look at the data.
type scan struct {
	*Check
	hash    hasher
	full    bool
	uniques []*unique
	ways    [][]*way // by entry
	juries  []Jury   // by entry
	parts   []portion
	all     accounts
	refused units

	steppers map[stepper]*value.Program

	total, looked, rows int64
	isolated            int
	unchecked           []string
}

// A portion is a slice with the entries that are read of it.
type portion struct {
	slice shard.Slice
	plans []*mapping.RowPlan
}

func (s *scan) close() {
	for _, u := range s.uniques {
		u.spill.close()
	}
}

// users looks at the users and all that is theirs.
func (s *scan) users(ctx context.Context) error {
	var plans []*mapping.RowPlan
	for _, p := range s.Mapping.Plans {
		if p.OfUsers() {
			plans = append(plans, p)
		}
	}
	base := shard.Slice{Kind: shard.OfUsers}
	ranges, err := s.ranges(ctx, base, s.total)
	if err != nil {
		return err
	}
	for _, r := range ranges {
		base.Range = r
		if err := s.cut(ctx, portion{base, plans}); err != nil {
			return err
		}
	}
	return nil
}

// rest looks at rows of one entry that belong to no user. Of a sample it takes as many as of users.
func (s *scan) rest(ctx context.Context, plan *mapping.RowPlan, kind shard.Kind) error {
	base := shard.Slice{Kind: kind, Entry: plan}
	if !s.full {
		through, err := s.Source.Cut(ctx, base, s.Users)
		if err != nil {
			return err
		}
		base.Range.Through = through
	}
	return s.cut(ctx, portion{base, []*mapping.RowPlan{plan}})
}

// ranges returns the parts of the keyspace that a sample is taken from, evenly spread by counting; the whole where all is looked at.
func (s *scan) ranges(ctx context.Context, base shard.Slice, total int64) ([]keyspace.Range, error) {
	if s.full {
		return []keyspace.Range{{}}, nil
	}
	n := min(sampleBlocks, s.Users)
	var out []keyspace.Range
	var taken, passed int64
	for i := range n {
		size := int64(s.Users)*int64(i+1)/int64(n) - taken
		through, err := s.Source.Cut(ctx, base, int(size))
		if err != nil {
			return nil, err
		}
		out = append(out, keyspace.Range{After: base.Range.After, Through: through})
		taken, passed = taken+size, passed+size
		next := total * int64(i+1) / int64(n)
		if i == n-1 || through == nil {
			break
		}
		base.Range.After = through
		if skip := next - passed; skip > 0 {
			if base.Range.After, err = s.Source.Cut(ctx, base, int(skip)); err != nil {
				return nil, err
			}
			passed = next
		}
	}
	return out, nil
}

// cut looks at a portion in parts.
func (s *scan) cut(ctx context.Context, whole portion) error {
	for {
		p := whole
		cut, err := s.Source.Cut(ctx, p.slice, partUnits)
		if err != nil {
			return err
		}
		n := int64(partUnits)
		if cut != nil {
			p.slice.Range.Through = cut
		} else if n, err = s.Source.CountUnits(ctx, p.slice); err != nil {
			return err
		}
		if err := s.part(ctx, p); err != nil {
			return err
		}
		if p.slice.Kind.ByUser() {
			s.looked += n
			if s.Progress != nil {
				s.Progress(s.looked, s.toLookAt())
			}
		}
		if cut == nil {
			return nil
		}
		whole.slice.Range.After = cut
	}
}

func (s *scan) toLookAt() int64 {
	if s.full {
		return s.total
	}
	return int64(s.Users)
}
