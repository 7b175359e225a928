package ledger

import (
	"flag"
	"maps"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"rehome/pkg/keyspace"
	"rehome/pkg/shard"
)

// standingRows returns the standing rows of the entry, those of one row of the legacy database together.
func (w *world) standingRows(entry int) [][]Row {
	targets := query[[][]byte](w.bench, `
		SELECT coalesce(array_agg(t.key), '{}')
		  FROM rehome.manifest m CROSS JOIN LATERAL unnest(m.target_keys) AS t (key)
		 WHERE m.migration = 'm' AND m.entry = $1
		   AND NOT EXISTS (SELECT FROM rehome.undone x WHERE x.migration = 'm' AND x.entry = m.entry AND x.target_key = t.key
		                      AND x.ordinal = m.ordinal AND x.generation = m.generation)`, entry)
	together := map[string][]Row{}
	for _, row := range w.findRaw(entry, targets) {
		together[string(row.User)+"/"+string(row.LegacyKey)] = append(together[string(row.User)+"/"+string(row.LegacyKey)], row)
	}
	var out [][]Row
	for _, at := range slices.Sorted(maps.Keys(together)) {
		out = append(out, together[at])
	}
	return out
}

func (b *bench) findRaw(entry int, targets [][]byte) (found []Row) {
	b.t.Helper()
	b.inTestTx(func(tx pgx.Tx) (err error) {
		found, err = b.Find(b.t.Context(), tx, "m", entry, targets)
		return err
	})
	return found
}

// SettleRows takes rows out, each of which waits from then on, or is set aside where it has no user.
func (w *world) SettleRows(t *rapid.T) {
	entry := rapid.IntRange(0, tags.entry).Draw(t, "entry")
	rows := w.standingRows(entry)
	if len(rows) == 0 {
		t.Skip("nothing stands") // rapid then draws another action: the test goes on
	}
	aside := entry >= topics.entry && rapid.Bool().Draw(t, "aside")
	cause := map[bool]string{true: "unique:a.b", false: "waits:a.b"}[aside]
	s := Settlement{Wave: 2}
	sum := shard.Table{Entry: entry}
	for _, some := range rows {
		if rapid.Bool().Draw(t, "stays") {
			continue
		}
		s.Undone = append(s.Undone, some...)
		sum.Written, sum.Extra = sum.Written-1, sum.Extra+1-int64(len(some))
		if aside {
			sum.SetAside++
			s.Refusals = append(s.Refusals, Refused{Refusal: shard.Refusal{Entry: entry, LegacyKey: some[0].LegacyKey, Cause: cause}})
			continue
		}
		sum.Waiting++
		s.Waits = append(s.Waits, Needed{User: some[0].User,
			Wait: shard.Wait{Entry: entry, LegacyKey: some[0].LegacyKey, Cause: cause, Needs: "a.n", NeedsKey: []byte("n")}})
	}
	s.Receipt.Tables = []shard.Table{sum}
	s.Receipt.Causes = []shard.Cause{{Cause: cause, Rows: int64(len(s.Waits) + len(s.Refusals))}}
	w.inTestTx(func(tx pgx.Tx) error {
		_, err := w.WriteSettle(w.t.Context(), tx, "m", s)
		return err
	})
}

// SettleUsers quarantines users of whom something stands, as a unique collision does.
func (w *world) SettleUsers(t *rapid.T) {
	users := map[string]string{}
	for _, some := range w.standingRows(0) {
		if rapid.Bool().Draw(t, "collides") {
			users[string(some[0].User)] = "unique:a.b"
		}
	}
	w.inTestTx(func(tx pgx.Tx) error {
		s := Settlement{Wave: 2, Quarantined: users}
		out, err := w.RowsOf(w.t.Context(), tx, "m", rawKeys(users))
		if err != nil {
			return err
		}
		s.Undone = out
		sources := map[int]map[string]bool{}
		for _, row := range out {
			if sources[row.Entry] == nil {
				sources[row.Entry] = map[string]bool{}
			}
			sources[row.Entry][string(row.User)+"/"+string(row.LegacyKey)] = true
			s.Receipt.Tables = append(s.Receipt.Tables, shard.Table{Entry: row.Entry, Extra: -1})
		}
		for entry, rows := range sources {
			n := int64(len(rows))
			s.Receipt.Tables = append(s.Receipt.Tables, shard.Table{Entry: entry, Written: -n, SetAside: n, Extra: n})
		}
		for user := range users {
			s.Refusals = append(s.Refusals, Refused{User: []byte(user), Refusal: shard.Refusal{LegacyKey: keyspace.Key{user}.Marshal(), Cause: "unique:a.b"}})
		}
		n := int64(len(users))
		s.Receipt.Causes = []shard.Cause{{Cause: "unique:a.b", Users: n, Rows: n}}
		s.Receipt.Users = shard.Users{Migrated: -n, Quarantined: n}
		waited, err := w.EndWaiting(w.t.Context(), tx, "m", rawKeys(users))
		if err != nil {
			return err
		}
		for _, wait := range waited {
			s.Receipt.Tables = append(s.Receipt.Tables, shard.Table{Entry: wait.Entry, Waiting: -wait.Rows, SetAside: wait.Rows})
			s.Receipt.Causes = append(s.Receipt.Causes, shard.Cause{Cause: wait.Cause, Rows: -wait.Rows})
		}
		_, err = w.WriteSettle(w.t.Context(), tx, "m", s)
		return err
	})
}

// Check compares what the receipts add up to with what the ledger holds of each unit.
func (w *world) Check(t *rapid.T) {
	facts, err := w.Facts(w.t.Context(), "m")
	if err != nil {
		t.Fatal(err)
	}
	sums, users, causes := map[int]shard.Table{}, shard.Users{}, map[string]shard.Cause{}
	err = w.inTx(w.t.Context(), func(tx pgx.Tx) error {
		for f, units := range w.read {
			w.account(t, tx, f, units, sums, &users, causes)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var want, got []shard.Table
	for _, entry := range slices.Sorted(maps.Keys(sums)) {
		want = append(want, sums[entry])
	}
	for _, sum := range facts.Tables {
		if sum.Unexplained() != 0 || sum.Source != sum.Read {
			t.Fatalf("the sums do not add up: %+v", sum)
		}
		if sum != (shard.Table{Entry: sum.Entry}) {
			got = append(got, sum)
		}
	}
	if diff := gocmp.Diff(want, got, sameSum, cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("the receipts are not what the accounts say: %s", diff)
	}
	var why []Cause
	for _, cause := range slices.Sorted(maps.Keys(causes)) {
		why = append(why, Cause{Cause: causes[cause]})
	}
	if diff := gocmp.Diff(why, facts.Causes, cmpopts.IgnoreFields(Cause{}, "Samples"), cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("the causes are not what the accounts say: %s", diff)
	}
	w.checkUsers(t, facts, users)
}

// account adds up what the ledger holds of units.
func (w *world) account(t *rapid.T, tx pgx.Tx, f family, units []keyspace.Key, sums map[int]shard.Table, users *shard.Users, causes map[string]shard.Cause) {
	add := func(cause string, users, rows int64) {
		c := causes[cause]
		if causes[cause] = (shard.Cause{Cause: cause, Users: c.Users + users, Rows: c.Rows + rows}); causes[cause] == (shard.Cause{Cause: cause}) {
			delete(causes, cause)
		}
	}
	book := &Book{tx: tx, claim: Claim{Shard: shard.Shard{ID: id(w.m, 0), Kind: shard.Redo, Of: f.of, Entry: f.entry}}}
	accounts, err := book.Accounts(w.t.Context(), units)
	if err != nil {
		t.Fatal(err)
	}
	for entry, sum := range w.tables(t, book, units, accounts) {
		sums[entry] = sum.Plus(sums[entry])
	}
	for _, a := range accounts {
		if f.ofUsers() {
			m, q := shard.Counts(a.State)
			users.Migrated, users.Quarantined = users.Migrated+m, users.Quarantined+q
			if q > 0 {
				add(a.Cause, 1, 0)
			}
		}
		for _, wait := range a.Waits {
			add(wait.Cause, 0, 1)
		}
		for _, why := range a.Why {
			add(why.Cause, 0, why.Rows)
		}
	}
}

// checkUsers asks in all the ways in which users can be counted.
func (w *world) checkUsers(t *rapid.T, facts *Facts, users shard.Users) {
	if facts.Users.Migrated != users.Migrated || facts.Users.Quarantined != users.Quarantined {
		t.Fatalf("the receipts say %+v, the states %+v", facts.Users, users)
	}
	var byWaves shard.Users
	for _, wave := range facts.Waves {
		if wave.Migrated < 0 || wave.Quarantined < 0 {
			t.Fatalf("a wave has less than nobody: %+v", wave)
		}
		byWaves.Migrated, byWaves.Quarantined = byWaves.Migrated+wave.Migrated, byWaves.Quarantined+wave.Quarantined
	}
	if byWaves != users {
		t.Fatalf("the waves say %+v, the states %+v", byWaves, users)
	}
	c, err := w.Census(w.t.Context(), "m")
	if err != nil {
		t.Fatal(err)
	}
	if left := c.Planned + c.Appeared - users.Migrated - users.Quarantined - c.LeftOut - c.Vanished - c.Pending; left != 0 || c.Tried != int64(len(w.read[userFamily])) {
		t.Fatalf("the census is off by %d: %+v with %+v", left, c, users)
	}
	counts := query[[]int64](w.bench, `
		SELECT ARRAY[count(*), count(DISTINCT user_key), count(*) FILTER (WHERE state IN ('migrated', 'redone')), coalesce(sum(rows_standing), 0)]
		  FROM rehome.users WHERE migration = 'm'`)
	var standing int64
	for _, sum := range facts.Tables {
		if sum.Entry < topics.entry {
			standing += sum.Written + sum.Extra
		}
	}
	if want := []int64{c.Tried, c.Tried, users.Migrated, standing}; !slices.Equal(counts, want) {
		t.Fatalf("the view says %v, want %v", counts, want)
	}
	if held := query[int](w.bench, `SELECT count(*) FROM rehome.waiting WHERE user_key IS NULL AND unit_key IS NULL`); held != 0 {
		t.Fatalf("%d waiting rows belong to no unit", held)
	}
}

func TestSumsStayRight(t *testing.T) {
	b := newBench(t)
	m := b.plan("m")
	rest, err := b.AddShards(t.Context(), "m", []shard.Shard{
		{Kind: shard.Unowned, Wave: 2, Entry: topics.entry, Parent: -1}, {Kind: shard.OwnKey, Wave: 2, Entry: tags.entry, Parent: -1},
	})
	if err != nil {
		t.Fatal(err)
	}
	planned := append(smallPlan("m").Shards, rest...)
	for i := range planned {
		planned[i].ID = id(m, i)
	}
	conn := b.connect()
	fewer(t, "30")
	rapid.Check(t, func(rt *rapid.T) {
		b.startOver()
		w := &world{bench: b, m: m, conn: conn, planned: planned, read: map[family][]keyspace.Key{}}
		rt.Repeat(map[string]func(*rapid.T){
			"load": w.Load, "redo": w.Redo, "settle rows": w.SettleRows, "settle users": w.SettleUsers, "": w.Check,
		})
	})
}

// fewer makes rapid try so many times unless it was told another number: each of them asks the server a thousand times.
func fewer(t *testing.T, checks string) {
	if f := flag.Lookup("rapid.checks"); f.Value.String() == f.DefValue {
		t.Cleanup(func() { _ = f.Value.Set(f.DefValue) })
		_ = f.Value.Set(checks)
	}
}

// startOver makes the ledger what it was when the plan was committed, with the first five shards.
func (b *bench) startOver() {
	b.t.Helper()
	for _, table := range partitioned {
		if !slices.Contains([]string{"cell", "shard", "accepted"}, table) {
			b.exec(`TRUNCATE ` + pgx.Identifier{"rehome", table}.Sanitize())
		}
	}
	b.exec(`DELETE FROM rehome.shard WHERE ordinal > 4`)
	b.exec(`
		UPDATE rehome.shard SET state = 'planned', attempt = 0, receipt = NULL, xid = NULL, waves = NULL, accounts = false,
		                        migrated = 0, quarantined = 0, written = 0, done_at = NULL`)
}
