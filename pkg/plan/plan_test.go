package plan

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"rehome/pkg/checksum"
	"rehome/pkg/keyspace"
	"rehome/pkg/mapping"
	"rehome/pkg/shard"
)

// sound reports what does not hold of a plan: cells and the shards of each wave tile the keyspace, shards are numbered from 0 and
// hold whole cells, sums are the sums of their parts, and no shard weighs too much but for one heavy user's.
func sound(p *Plan, m *mapping.Compiled) error {
	ranges := make([]keyspace.Range, len(p.Cells))
	var users int64
	waves := make([]int64, len(m.File.Waves))
	for i, cell := range p.Cells {
		ranges[i] = cell.Range
		users += cell.Users
		if cell.Users != int64(len(cell.Hashes)) || cell.waves != nil {
			return fmt.Errorf("cell %d has %d users, %d hashes and %d waves", i, cell.Users, len(cell.Hashes), len(cell.waves))
		}
		for wave, n := range cell.ByWave {
			waves[wave] += n
		}
	}
	if err := keyspace.CheckChain(ranges); err != nil {
		return fmt.Errorf("cells: %w", err)
	}
	if users != p.Users || !slices.Equal(waves, p.Waves) {
		return fmt.Errorf("%d users and %v by wave in cells, %d and %v in the plan", users, waves, p.Users, p.Waves)
	}
	for i, s := range p.Shards {
		want := shard.ID{Migration: runID.Migration, Ordinal: i}
		if s.ID != want || s.Parent != -1 || s.State != shard.Planned {
			return fmt.Errorf("shard %d is %+v", i, s)
		}
		if s.Kind == shard.OfUsers && s.Weight > int64(m.File.Users.ShardRows) && s.Users > 1 {
			return fmt.Errorf("%d users make a shard of %d rows", s.Users, s.Weight)
		}
	}
	for wave := range m.File.Waves {
		if err := soundWave(p, wave, ranges); err != nil {
			return fmt.Errorf("wave %d: %w", wave, err)
		}
	}
	return soundRest(p, m)
}

// complete reports a cell that does not hold just the users of its range, in their order.
func complete(p *Plan, w *world) error {
	for i, cell := range p.Cells {
		var users []int64
		first, limit := w.within(cell.Range)
		for n := first; n < limit; n++ {
			if w.users[n].posts < 0 {
				continue
			}
			users = append(users, checksum.Key(w.key(n).Canonical()))
		}
		if !slices.Equal(users, cell.Hashes) {
			return fmt.Errorf("cell %d has %d users, %d are in its range", i, len(cell.Hashes), len(users))
		}
	}
	return nil
}

// soundWave reports what does not hold of the shards of a wave.
func soundWave(p *Plan, wave int, cells []keyspace.Range) error {
	grid := cells[:len(cells)-1]
	next, users := 0, int64(0)
	for _, s := range p.Shards {
		if s.Wave != wave {
			continue
		}
		if s.Kind != shard.OfUsers || s.Entry != -1 || s.Cells[0] != next || s.Cells[1] <= next || s.Cells[1] > len(grid) {
			return fmt.Errorf("shard %d holds cells %v after %d of %d", s.Ordinal, s.Cells, next, len(grid))
		}
		if err := keyspace.CheckTiles(s.Range, grid[next:s.Cells[1]]); err != nil {
			return fmt.Errorf("shard %d: %w", s.Ordinal, err)
		}
		next = s.Cells[1]
		users += s.Users
	}
	if next != len(grid) || users != p.Waves[wave] {
		return fmt.Errorf("%d of %d cells and %d of %d users are in a shard", next, len(grid), users, p.Waves[wave])
	}
	return nil
}

// soundRest reports what does not hold of the last wave: one tail, and for each entry with rows of nobody shards that tile its keys.
func soundRest(p *Plan, m *mapping.Compiled) error {
	chains := map[int][]keyspace.Range{}
	for _, s := range p.Shards {
		if s.Wave < len(m.File.Waves) {
			continue
		}
		if s.Kind == shard.Late && (s.Cells != [2]int{len(p.Cells) - 1, len(p.Cells)} || s.Range.Through != nil) {
			return fmt.Errorf("the tail holds cells %v of %d", s.Cells, len(p.Cells))
		}
		if s.Kind != shard.Late {
			chains[s.Entry] = append(chains[s.Entry], s.Range)
		}
	}
	if tails := p.of(shard.Late); len(tails) != 1 || len(chains) != 2 {
		return fmt.Errorf("%d tails and %d entries with rows of nobody", len(tails), len(chains))
	}
	for entry, ranges := range chains {
		if err := keyspace.CheckChain(ranges); err != nil {
			return fmt.Errorf("shards of entry %d: %w", entry, err)
		}
	}
	return nil
}

func TestUsers(t *testing.T) {
	t.Run("no user makes no shard but the tail, which is the whole keyspace", func(t *testing.T) {
		p := made(t, &world{}, compiled(10, "all"))
		if users, tail := p.of(shard.OfUsers), p.of(shard.Late); len(users) != 0 || tail[0].Range.After != nil || len(p.Cells) != 1 {
			t.Errorf("got %v and %v", users, tail)
		}
	})
	t.Run("one user makes one shard that begins with the keyspace, and a tail behind the user", func(t *testing.T) {
		p := made(t, &world{users: population(3)}, compiled(10, "all"))
		if got := outline(p.of(shard.OfUsers)); got != "1/4" {
			t.Errorf("got %s", got)
		}
		if diff := cmp.Diff(keyspace.Range{After: keyOf(0)}, p.of(shard.Late)[0].Range); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("users of the same weight make even shards", func(t *testing.T) {
		p := made(t, &world{users: population(slices.Repeat([]int64{4}, 64)...)}, compiled(40, "all"))
		if got := outline(p.of(shard.OfUsers)); got != strings.TrimSpace(strings.Repeat("8/40 ", 8)) {
			t.Errorf("got %s", got)
		}
	})
	t.Run("a user heavier than a shard has one alone, and the neighbours fill theirs", func(t *testing.T) {
		posts := slices.Repeat([]int64{1}, 40)
		posts[20] = 999
		p := made(t, &world{users: population(posts...)}, compiled(20, "all"))
		for _, s := range p.of(shard.OfUsers) {
			if s.Weight > 20 && (s.Users != 1 || s.Weight != 1000) {
				t.Errorf("%d users make a shard of %d rows", s.Users, s.Weight)
			}
		}
	})
	t.Run("a heavy user of one wave does not weigh on another", func(t *testing.T) {
		users := uneven()
		users[2].posts, users[5].posts, users[50].posts = 100, 60, 70
		for i := range users {
			users[i].wave = i % 2
		}
		p := made(t, &world{users: users}, compiled(40, "first", "second"))
		for _, heavy := range []int64{101, 61, 71} {
			if !slices.ContainsFunc(p.Shards, func(s shard.Shard) bool { return s.Users == 1 && s.Weight == heavy }) {
				t.Errorf("the user of %d rows has no shard alone: %s", heavy, outline(p.of(shard.OfUsers)))
			}
		}
	})
	t.Run("a wave without users has one shard over the whole grid: somebody may come to match it", func(t *testing.T) {
		p := made(t, &world{users: population(1, 1, 1, 1, 1, 1)}, compiled(4, "all", "none"))
		last := p.of(shard.OfUsers)[len(p.of(shard.OfUsers))-1]
		if last.Wave != 1 || last.Users != 0 || last.Cells != [2]int{0, len(p.Cells) - 1} {
			t.Errorf("got %+v", last)
		}
	})
	t.Run("a cell that is cut again holds just the users of its range, in key order", func(t *testing.T) {
		w := &world{users: population(append([]int64{0, 0, 0, 100}, make([]int64, 96)...)...)}
		p := made(t, w, compiled(90, "all"))
		if err := complete(p, w); err != nil {
			t.Error(err)
		}
		if got := []int64{p.Cells[0].Users, p.Cells[4].Users}; !slices.Equal(got, []int64{2, 5}) {
			t.Errorf("cells of %d users", got)
		}
	})
}

func TestRest(t *testing.T) {
	t.Run("rows of nobody are cut every so many, and the tail is of their wave", func(t *testing.T) {
		w := &world{users: population(1, 1), unowned: numbered("p", 25), tags: numbered("t", 10)}
		p := made(t, w, compiled(10, "first", "second"))
		if got := outline(p.of(shard.Unowned)); got != "0/10 0/10 0/5" {
			t.Errorf("unowned: got %s", got)
		}
		if got := outline(p.of(shard.OwnKey)); got != "0/10" {
			t.Errorf("own key: got %s", got)
		}
		cuts := p.of(shard.Unowned)
		if diff := cmp.Diff(keyspace.Range{After: keyspace.Key{"p9"}, Through: keyspace.Key{"p19"}}, cuts[1].Range); diff != "" {
			t.Error(diff)
		}
		for _, s := range p.Shards {
			if (s.Wave == 2) != (s.Kind != shard.OfUsers) || (s.Entry == -1) != s.Kind.ByUser() {
				t.Errorf("got %+v", s)
			}
		}
	})
	t.Run("an entry without rows of nobody has one shard still: rows may come", func(t *testing.T) {
		p := made(t, &world{users: population(1)}, compiled(10, "all"))
		if got := outline(p.of(shard.Unowned)) + ", " + outline(p.of(shard.OwnKey)); got != "0/0, 0/0" {
			t.Errorf("got %s", got)
		}
	})
	t.Run("a key that several rows share is not cut in two", func(t *testing.T) {
		tags := slices.Repeat([]keyspace.Key{{"a"}}, 7)
		p := made(t, &world{tags: append(tags, keyspace.Key{"b"})}, compiled(5, "all"))
		if got := outline(p.of(shard.OwnKey)); got != "0/7 0/1" {
			t.Errorf("got %s", got)
		}
	})
}

func TestLiveSource(t *testing.T) {
	t.Run("who has gone since the scan is not planned, and the wave knows", func(t *testing.T) {
		users := uneven()
		for i := range users {
			users[i].wave = i % 2
		}
		w := &world{users: users, shifts: func(w *world) { w.users[3].posts = -1 }}
		p := made(t, w, compiled(40, "first", "second"))
		if diff := cmp.Diff([]int64{54, 53}, p.Waves); diff != "" || p.Users != 107 {
			t.Error(p.Users, diff)
		}
	})
	t.Run("who has come since the scan counts as one of the last wave", func(t *testing.T) {
		users := uneven()
		newcomer := users[3]
		users[3].posts = -1
		w := &world{users: users, shifts: func(w *world) { w.users[3] = newcomer }}
		p := made(t, w, compiled(40, "first", "second"))
		if diff := cmp.Diff([]int64{107, 1}, p.Waves); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("a cell whose users have all gone stays in the grid, empty", func(t *testing.T) {
		w := &world{users: uneven(), shifts: func(w *world) {
			for i := range 3 {
				w.users[i].posts = -1
			}
		}}
		if p := made(t, w, compiled(40, "all")); p.Users != 105 || p.Cells[0].Users != 0 {
			t.Errorf("%d users, %d of them in the first cell", p.Users, p.Cells[0].Users)
		}
	})
}

// uneven is a population whose first cells, made for three average users, are far too heavy for a shard of 40 rows.
func uneven() []user {
	return population(append(slices.Repeat([]int64{25}, 8), make([]int64, 100)...)...)
}

func TestMakeFails(t *testing.T) {
	for question, want := range map[string]string{
		"counts":  "plan migration community: count the rows of posts: server has gone away",
		"keys":    "plan migration community: read the users' keys: server has gone away",
		"weigh":   "plan migration community: weigh posts: server has gone away",
		"owners":  "plan migration community: count the rows of posts by their users: server has gone away",
		"probe":   "plan migration community: probe how long rows take to be read: server has gone away",
		"keys in": "plan migration community: read the keys of a heavy range: server has gone away",
		"keys of": "plan migration community: read the keys of posts: server has gone away",
	} {
		t.Run("an error says what was asked: "+question, func(t *testing.T) {
			w, rows := &world{users: uneven(), fail: question, plain: question == "owners"}, 40
			if question == "probe" {
				rows = 0
			}
			_, err := Make(t.Context(), compiled(rows, "all"), w, runID)
			if !errors.Is(err, errBroken) || err.Error() != want {
				t.Errorf("got %v, want %s", err, want)
			}
		})
	}
}

// Most users have few rows: only where the others are rare, and cells made for average users, some are too heavy.
var few, many = rapid.Int64Range(0, 5), rapid.Int64Range(50, 300)

func TestEveryPlanIsSound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		waves := rapid.IntRange(1, 4).Draw(t, "waves")
		w := &world{
			users: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) user {
				posts := rapid.OneOf(rapid.Just(int64(0)), rapid.Just(int64(0)), few, rapid.OneOf(few, many)).Draw(t, "posts")
				return user{wave: rapid.IntRange(0, waves-1).Draw(t, "wave"), posts: posts}
			}), 0, 60).Draw(t, "users"),
			plain: rapid.Bool().Draw(t, "plain"), foreign: rapid.IntRange(0, 3).Draw(t, "foreign") == 0,
			unowned: numbered("p", rapid.IntRange(0, 70).Draw(t, "unowned")),
			tags:    numbered("t", rapid.IntRange(0, 70).Draw(t, "tags")),
		}
		m := compiled(rapid.IntRange(1, 200).Draw(t, "shard rows"), []string{"a", "b", "c", "d"}[:waves]...)
		p, err := Make(t.Context(), m, w, runID)
		if err != nil {
			t.Fatal(err)
		}
		if err := sound(p, m); err != nil {
			t.Fatal(err)
		}
		if err := complete(p, w); err != nil {
			t.Fatal(err)
		}
		var rows int64
		for _, s := range p.of(shard.OfUsers) {
			rows += s.Weight
		}
		var want int64
		for _, u := range w.users {
			want += 1 + u.posts
		}
		// Where a cell is shared by waves, each wave's part is rounded up.
		if rows < want || rows > want+int64(len(p.Cells)*waves) {
			t.Fatalf("shards of %d rows, %d were there", rows, want)
		}
	})
}

func TestCost(t *testing.T) {
	t.Run("heavy cells are cut in a few rounds, not one by one", func(t *testing.T) {
		posts := slices.Repeat([]int64{0}, 4096)
		for i := range 512 {
			posts[i] = 1000
		}
		w := &world{users: population(posts...)}
		made(t, w, compiled(2000, "all"))
		if w.weighed > 2*8 {
			t.Errorf("the two entries of users were weighed %d times", w.weighed)
		}
	})
	t.Run("a planned user takes eight bytes, with little room to spare", func(t *testing.T) {
		p := made(t, &world{users: population(slices.Repeat([]int64{1}, 50_000)...)}, compiled(8000, "all"))
		held := 0
		for _, cell := range p.Cells {
			held += cap(cell.Hashes)
		}
		if held > 51_000 {
			t.Errorf("room for %d hashes of 50,000 users", held)
		}
	})
}

func TestRecord(t *testing.T) {
	w := &world{users: population(1, 2), unowned: numbered("p", 3), tags: numbered("t", 1)}
	w.users[1].wave = 1
	m := compiled(10, "first", "second")
	want := Record{
		Users: 2, ShardRows: 10, Waves: []Wave{{Name: "first", Users: 1}, {Name: "second", Users: 1}},
		Entries: []Entry{{Into: "app.users", From: "users", Rows: 2}, {Into: "app.posts", From: "posts", Rows: 6}, {Into: "app.tags", From: "tags", Rows: 1}},
	}
	got := made(t, w, m).Record(m)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	body, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	var again Record
	if err := json.Unmarshal(body, &again); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, again); diff != "" {
		t.Error(diff)
	}
}
