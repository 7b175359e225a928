package ledger

import (
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"rehome/pkg/checksum"
	"rehome/pkg/keyspace"
	"rehome/pkg/shard"
)

// A fate is what becomes of one row of the legacy database when it is read.
type fate int

const (
	arrives fate = iota
	doubled      // a join makes two rows of it
	waits
	leftOut
	gathered
	alone // set aside alone
	fates
)

// legacyRow is a row of the legacy database, of the entry.
type legacyRow struct {
	entry int
	key   keyspace.Key
	fate  fate
}

// legacyUnit is a unit as it was read.
type legacyUnit struct {
	rows []legacyRow
	out  bool // it cannot be migrated
}

// world is a migration in which units are read, settled and done again, and what must be true of its ledger whatever happens.
type world struct {
	*bench
	m       *Migration
	conn    *pgx.Conn
	planned []shard.Shard
	read    map[family][]keyspace.Key // whom shards have read
	version int                       // makes each row that is written differ from those before
}

var (
	topics  = family{shard.Unowned, 2}
	tags    = family{shard.OwnKey, 3}
	members = map[int][]keyspace.Key{0: keys("1", "2"), 1: keys("3", "4"), 2: keys("5", "6"), 3: keys("90", "91", "92"), 4: keys("a", "b")}
)

func (w *world) family(s *shard.Shard) family { return familyOf(s.Units(), s.Entry) }

// legacy draws what the legacy database holds of a unit.
func (w *world) legacy(t *rapid.T, f family, unit keyspace.Key) legacyUnit {
	u := legacyUnit{out: rapid.IntRange(0, 4).Draw(t, "out") == 0}
	entries := []int{0, 1}
	if !f.ofUsers() {
		entries = []int{f.entry}
	}
	for _, entry := range entries {
		n := 1
		if entry == 1 || entry == tags.entry {
			n = rapid.IntRange(0, 3).Draw(t, "rows")
		}
		for i := range n {
			key := keyspace.Key{unit[0] + fmt.Sprint("-", i)}
			if f == topics {
				key = unit
			}
			u.rows = append(u.rows, legacyRow{entry, key, fate(rapid.IntRange(0, int(fates)-1).Draw(t, "fate"))})
		}
	}
	return u
}

// ledgered is a Book's outcome while it is put together.
type ledgered struct {
	shard.Outcome
	tables map[int]shard.Table
	causes map[string]shard.Cause
	blocks map[int]*shard.Block
}

func newLedgered() *ledgered {
	return &ledgered{
		Outcome: shard.Outcome{Quarantined: map[int32]string{}, Sums: map[int32][]shard.Table{}, Gone: map[int32]bool{}},
		tables:  map[int]shard.Table{}, causes: map[string]shard.Cause{}, blocks: map[int]*shard.Block{},
	}
}

func (o *ledgered) count(t shard.Table) { o.tables[t.Entry] = t.Plus(o.tables[t.Entry]) }

func (o *ledgered) cause(cause string, users, rows int64) {
	c := o.causes[cause]
	o.causes[cause] = shard.Cause{Cause: cause, Users: c.Users + users, Rows: c.Rows + rows}
}

func (w *world) stand(o *ledgered, unit int32, entry int, legacy []byte, suffix string) {
	w.version++
	key := fmt.Appendf(nil, "t%d/%x%s", entry, legacy, suffix)
	row := shard.Arrived{Unit: unit, TargetKey: key, LegacyKey: legacy, Digest: checksum.Row("app.t", fmt.Append(key, w.version))}
	if o.blocks[entry] == nil {
		o.blocks[entry] = &shard.Block{Entry: entry}
	}
	o.blocks[entry].Rows = append(o.blocks[entry].Rows, row)
}

// take counts a unit that was read, as a worker does.
func (w *world) take(o *ledgered, f family, unit int32, u legacyUnit) {
	for n, row := range u.rows {
		legacy := row.key.Marshal()
		sum := shard.Table{Entry: row.entry}
		what := row.fate
		if u.out {
			what = alone
		}
		switch what {
		case arrives, doubled:
			w.stand(o, unit, row.entry, legacy, "")
			sum.Written = 1
			if what == doubled {
				w.stand(o, unit, row.entry, legacy, "'")
				sum.Extra = 1
			}
		case waits:
			sum.Waiting = 1
			o.Waits = append(o.Waits, shard.Wait{Unit: unit, Entry: row.entry, LegacyKey: legacy, Cause: "waits:a.b", NeedsKey: []byte("n"), Needs: "a.n"})
			o.cause("waits:a.b", 0, 1)
		case leftOut:
			sum.LeftOut = 1
		case gathered:
			sum.Gathered = 1
		case alone:
			sum.SetAside = 1
			if !u.out || n == 0 {
				o.Refusals = append(o.Refusals, shard.Refusal{Unit: unit, Entry: row.entry, LegacyKey: legacy, Cause: "values:a.b"})
				o.cause("values:a.b", 0, 1)
			}
		}
		sum.Source, sum.Read = 1, 1
		o.count(sum)
		if kept := (shard.Table{Entry: row.entry, SetAside: sum.SetAside, LeftOut: sum.LeftOut, Gathered: sum.Gathered}); kept != (shard.Table{Entry: row.entry}) {
			o.Sums[unit] = append(o.Sums[unit], kept)
		}
	}
	if u.out && (f.ofUsers() || len(u.rows) > 0) {
		o.Quarantined[unit] = "values:a.b"
		if f.ofUsers() {
			o.cause("values:a.b", 1, 0)
		}
	}
}

// commit writes the outcome and commits it.
func (w *world) commit(t *rapid.T, book *Book, o *ledgered) {
	for _, entry := range slices.Sorted(maps.Keys(o.tables)) {
		o.Receipt.Tables = append(o.Receipt.Tables, o.tables[entry])
	}
	for _, cause := range slices.Sorted(maps.Keys(o.causes)) {
		o.Receipt.Causes = append(o.Receipt.Causes, o.causes[cause])
	}
	for _, block := range o.blocks {
		if err := book.Block(w.t.Context(), *block); err != nil {
			t.Fatal(err)
		}
	}
	if err := book.Close(w.t.Context(), o.Outcome); err != nil {
		t.Fatal(err)
	}
	if err := book.Commit(w.t.Context()); err != nil {
		t.Fatal(err)
	}
}

// Load moves the next planned shard.
func (w *world) Load(t *rapid.T) {
	if len(w.planned) == 0 {
		t.Skip("all are loaded") // rapid then draws another action: the test goes on
	}
	s := w.planned[0]
	w.planned = w.planned[1:]
	f, o := w.family(&s), newLedgered()
	book := w.begin(w.conn, w.claim(w.conn, s.ID, Claimed))
	defer func() { _ = book.Rollback(w.t.Context()) }() // a model that was found wrong must not lock out the next
	for i, unit := range members[s.Ordinal] {
		o.Units = append(o.Units, unit)
		w.take(o, f, int32(i), w.legacy(t, f, unit))
		w.read[f] = append(w.read[f], unit)
	}
	if f.ofUsers() {
		n, bad := int64(len(o.Units)), int64(len(o.Quarantined))
		o.Receipt.Users = shard.Users{Read: n, Migrated: n - bad, Quarantined: bad}
	}
	w.commit(t, book, o)
}

// Redo does some units again, whatever became of them, and lets a row come in that waits elsewhere.
func (w *world) Redo(t *rapid.T) {
	f := rapid.SampledFrom([]family{userFamily, userFamily, topics, tags}).Draw(t, "family")
	if len(w.read[f]) == 0 {
		t.Skip("nobody was read") // as above
	}
	units := rapid.SliceOfNDistinct(rapid.SampledFrom(w.read[f]), 1, len(w.read[f]), func(k keyspace.Key) string { return k[0] }).Draw(t, "units")
	list := shard.List{Units: units, Nothing: rapid.IntRange(0, 5).Draw(t, "nothing") == 0}
	added, err := w.AddRedo(w.t.Context(), "m", []RedoShard{{Of: f.of, Entry: f.entry, Wave: 2, List: list}})
	if err != nil {
		t.Fatal(err)
	}
	book := w.begin(w.conn, w.claim(w.conn, added[0].ID, Claimed))
	defer func() { _ = book.Rollback(w.t.Context()) }()
	read, err := book.List(w.t.Context())
	if err != nil || len(read.Units) != len(units) {
		t.Fatalf("read the list: %v, %v", read, err)
	}
	o := newLedgered()
	o.Units = units
	accounts := w.subtract(t, book, o, f)
	for i, unit := range units {
		switch {
		case list.Nothing || rapid.IntRange(0, 5).Draw(t, "gone") == 0:
			o.Gone[int32(i)] = true
		default:
			w.take(o, f, int32(i), w.legacy(t, f, unit))
		}
	}
	if f.ofUsers() {
		o.Receipt.Users = usersOf(o, accounts)
	}
	w.guest(t, book, o, f)
	w.commit(t, book, o)
}

// subtract takes what the units were out of the account, and undoes it.
func (w *world) subtract(t *rapid.T, book *Book, o *ledgered, f family) []shard.Account {
	accounts, err := book.Accounts(w.t.Context(), o.Units)
	if err != nil {
		t.Fatal(err)
	}
	for _, was := range w.tables(t, book, o.Units, accounts) {
		o.count(negative(was))
	}
	for _, a := range accounts {
		if !a.Known {
			t.Fatal("a unit that was read is not known")
		}
		if f.ofUsers() && a.State == "quarantined" {
			o.cause(a.Cause, -1, 0)
		}
		for _, wait := range a.Waits {
			o.cause(wait.Cause, 0, -1)
		}
		for _, why := range a.Why {
			o.cause(why.Cause, 0, -why.Rows)
		}
	}
	if err := book.Undo(w.t.Context(), o.Units); err != nil {
		t.Fatal(err)
	}
	return accounts
}

func negative(t shard.Table) shard.Table {
	return shard.Table{Entry: t.Entry, Source: -t.Source, Read: -t.Read, Written: -t.Written, Gathered: -t.Gathered, SetAside: -t.SetAside,
		Waiting: -t.Waiting, LeftOut: -t.LeftOut, Extra: -t.Extra}
}

func usersOf(o *ledgered, accounts []shard.Account) (u shard.Users) {
	for i := range accounts {
		state := "redone"
		if _, out := o.Quarantined[int32(i)]; out {
			state = "quarantined"
		} else if o.Gone[int32(i)] {
			state = "vanished"
		}
		m0, q0 := shard.Counts(accounts[i].State)
		m1, q1 := shard.Counts(state)
		u.Migrated, u.Quarantined = u.Migrated+m1-m0, u.Quarantined+q1-q0
	}
	return u
}

// guest brings in a row that waits, of a unit that is not done again.
func (w *world) guest(t *rapid.T, book *Book, o *ledgered, f family) {
	waiters, err := book.Waiters(w.t.Context(), "a.n", [][]byte{[]byte("n")})
	if err != nil {
		t.Fatal(err)
	}
	done := map[string]bool{}
	for _, unit := range o.Units {
		done[string(f.key(unit))] = true
	}
	for _, waiter := range waiters {
		key, of := waiter.Own, familyOf(waiter.Kind, waiter.Entry)
		if waiter.User != nil {
			key, of = waiter.User, userFamily
		}
		if of == f && done[string(of.key(key))] || rapid.IntRange(0, 2).Draw(t, "comes") > 0 {
			continue
		}
		at := int32(len(o.Units))
		o.Units = append(o.Units, key)
		o.Guests++
		if waiter.User == nil {
			if o.GuestRows == nil {
				o.GuestRows = map[int32]shard.Waiter{}
			}
			o.GuestRows[at] = waiter
		}
		o.Released = append(o.Released, waiter)
		o.cause(waiter.Cause, 0, -1)
		if rapid.Bool().Draw(t, "left out") {
			o.Sums[at] = []shard.Table{{Entry: waiter.Entry, LeftOut: 1}}
			o.count(shard.Table{Entry: waiter.Entry, Waiting: -1, LeftOut: 1})
			continue
		}
		w.stand(o, at, waiter.Entry, waiter.LegacyKey, "")
		o.count(shard.Table{Entry: waiter.Entry, Waiting: -1, Written: 1})
	}
}

// tables sums up by entry what the units are, as the ledger tells.
func (w *world) tables(t *rapid.T, book *Book, units []keyspace.Key, accounts []shard.Account) map[int]shard.Table {
	type source struct {
		entry int
		unit  int32
		key   string
	}
	waiting, standing := map[source]bool{}, map[source]int64{}
	out := map[int]shard.Table{}
	add := func(sum shard.Table) { out[sum.Entry] = sum.Plus(out[sum.Entry]) }
	for i, a := range accounts {
		for _, sum := range a.Sums {
			sum.Source = sum.SetAside + sum.LeftOut + sum.Gathered
			sum.Read = sum.Source
			add(sum)
		}
		for _, wait := range a.Waits {
			if at := (source{wait.Entry, int32(i), string(wait.LegacyKey)}); !waiting[at] {
				waiting[at] = true
				add(shard.Table{Entry: wait.Entry, Source: 1, Read: 1, Waiting: 1})
			}
		}
	}
	err := book.Standing(w.t.Context(), units, func(entry int, rows []shard.Arrived) error {
		for _, row := range rows {
			standing[source{entry, row.Unit, string(row.LegacyKey)}]++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for at, n := range standing {
		if waiting[at] {
			t.Fatalf("a row of entry %d stands and waits", at.entry)
		}
		add(shard.Table{Entry: at.entry, Source: 1, Read: 1, Written: 1, Extra: n - 1})
	}
	return out
}
