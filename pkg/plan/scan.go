package plan

import (
	"context"
	"fmt"
	"strings"

	"rehome/pkg/checksum"
	"rehome/pkg/keyspace"
	"rehome/pkg/mapping"
)

// A roll is all users as the one scan of their keys has found them, in parts of equally many: 8 bytes for each, the last key of each
// part, and what the part weighs. Parts are joined to cells when their weight is known.
type roll struct {
	stride int  // users of a part; the last one may have fewer
	users  int  // in all
	secret bool // the keys' order is not one that can be told without the database
	weight []int64

	ends   []keyspace.Key // the last key of each part
	blocks [][]int64      // checksum.Key of the users, as many parts in each
	waves  [][]uint16     // of the users; nil where there is one wave alone
}

// A part is fine enough for cells to be cut between two: a shard has so many of its own weight, and none has more users than mostUsers. As each part keeps a
// key, it has leastUsers where a shard has a few rows for each of them, however light shards are.
const (
	finest     = 1024
	leastUsers = 16
	leastEach  = 16 // rows
	mostUsers  = 64
	blockOf    = 1024 // parts
)

func newRoll(weight int64, waves int) roll {
	if weight == 0 {
		weight = mapping.DefaultShardRows
	}
	least := min(leastUsers, max(1, weight/leastEach))
	r := roll{stride: int(min(max(least, weight/finest), mostUsers))}
	if waves > 1 {
		r.waves = [][]uint16{}
	}
	return r
}

// scan reads the roll.
func (p *planner) scan(ctx context.Context) error {
	conditions := make([]string, len(p.mapping.File.Waves))
	for i, wave := range p.mapping.File.Waves {
		if wave.Where != nil {
			conditions[i] = wave.Where.SQL
		}
	}
	p.roll = newRoll(p.weight, len(conditions))
	line := queue{kind: p.mapping.Keys.Kinds[0]}
	err := p.src.Keys(ctx, p.mapping.Keys, conditions, func(key keyspace.Key, wave int) error {
		if !line.next(key) {
			p.roll.secret = true
		}
		p.roll.add(key, checksum.Key(line.last), wave)
		return nil
	})
	if err != nil {
		return fmt.Errorf("read the users' keys: %w", err)
	}
	p.roll.close(line.last)
	return nil
}

// add puts a user, who follows all others in key order, on the roll.
func (r *roll) add(key keyspace.Key, hash int64, wave int) {
	if r.users%(r.stride*blockOf) == 0 {
		r.blocks = append(r.blocks, make([]int64, 0, r.stride*blockOf))
		if r.waves != nil {
			r.waves = append(r.waves, make([]uint16, 0, r.stride*blockOf))
		}
	}
	last := len(r.blocks) - 1
	r.blocks[last] = append(r.blocks[last], hash)
	if r.waves != nil {
		r.waves[last] = append(r.waves[last], uint16(wave))
	}
	if r.users++; r.users%r.stride == 0 {
		r.ends = append(r.ends, keyspace.Key{strings.Clone(key[0])}) // what the key lies in is shared by many
	}
}

// close ends the last part, whose last user has the key.
func (r *roll) close(key []byte) {
	if r.users%r.stride > 0 {
		r.ends = append(r.ends, keyspace.Key{string(key)})
	}
	r.weight = make([]int64, len(r.ends))
}

// hashes returns the users of parts first up to but not including limit, which lie in one block.
func (r *roll) hashes(first, limit int) []int64 {
	block := r.blocks[first/blockOf]
	from := first % blockOf * r.stride
	return block[from:min(from+(limit-first)*r.stride, len(block))]
}

// wavesOf returns the waves of the same users; nil where there is one alone.
func (r *roll) wavesOf(first, limit int) []uint16 {
	if r.waves == nil {
		return nil
	}
	block := r.waves[first/blockOf]
	from := first % blockOf * r.stride
	return block[from:min(from+(limit-first)*r.stride, len(block))]
}

// forget lets go of the users of a block, who are in cells now.
func (r *roll) forget(block int) {
	r.blocks[block] = nil
	if r.waves != nil {
		r.waves[block] = nil
	}
}

// within returns the range of parts first up to but not including limit. The last part's has no end, as what follows it is looked at with it.
func (r *roll) within(first, limit int) keyspace.Range {
	var out keyspace.Range
	if first > 0 {
		out.After = r.ends[first-1]
	}
	if limit < len(r.ends) {
		out.Through = r.ends[limit-1]
	}
	return out
}
