package ledger

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"rehome/pkg/checksum"
	"rehome/pkg/keyspace"
	"rehome/pkg/sandbox"
	"rehome/pkg/shard"
)

// firstRelease is a ledger of the first release, in which users 1 and 3 have arrived, 2 was quarantined by its shard and 4 by settling, a row without
// a user was set aside and another waits, and shard 2, of wave 1, is not done.
func firstRelease(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, dsn: sandbox.Postgres(t), holder: uuid.New()}
	pool, err := pgxpool.New(t.Context(), b.dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	b.Ledger = Open(pool)
	all, err := steps(schemaFiles)
	b.must(err)
	b.inTestTx(func(tx pgx.Tx) error {
		return errors.Join(createVersions(t.Context(), tx), apply(t.Context(), tx, 1, all[0]))
	})
	b.exec(`
		INSERT INTO rehome.migration (name, run, state, mapping_hash, fingerprint, legacy_identity, target_identity, secret, next_ordinal)
		VALUES ('m', 'run', 'loading', 'hash', 'print', 'old', 'new', sha256('s'), 6)`)
	b.exec(`INSERT INTO rehome.mapping VALUES ('hash', 'canonical')`)
	for _, table := range []string{"cell", "shard", "roster", "manifest", "undone", "user_state", "set_aside", "waiting", "collision", "identity", "event"} {
		part := partition(table, "m")
		b.exec(`CREATE TABLE ` + part + ` (LIKE rehome.` + table + ` INCLUDING ALL)`)
		b.exec(`ALTER TABLE rehome.` + table + ` ATTACH PARTITION ` + part + ` FOR VALUES IN ('m')`)
	}
	b.inTestTx(func(tx pgx.Tx) error {
		return copyCells(t.Context(), tx, "m", cellsOf(cell(nil, keyspace.Key{"2"}, "1", "2"), cell(keyspace.Key{"2"}, nil, "3", "4")))
	})
	done := func(ordinal int, kind shard.Kind, wave, entry, first, limit int, migrated, quarantined, written int64) {
		r := shard.Receipt{ID: shard.ID{Migration: "m", Run: "run", Ordinal: ordinal}, State: shard.Done, Mapping: "hash",
			Users: shard.Users{Migrated: migrated, Quarantined: quarantined}}
		b.exec(`
			INSERT INTO rehome.shard (migration, ordinal, generation, kind, wave, entry, cell_first, cell_limit, users, weight, parent, state,
			                          mapping_hash, receipt, xid, migrated, quarantined, written)
			VALUES ('m', $1, 0, $2, $3, $4, $5, $6, 2, 10, -1, 'done', 'hash', $7, pg_current_xact_id(), $8, $9, $10)`,
			ordinal, kind, wave, entry, first, limit, r, migrated, quarantined, written)
	}
	done(0, shard.OfUsers, 0, -1, 0, 1, 1, 1, 1)
	done(1, shard.OfUsers, 0, -1, 1, 2, 2, 0, 2)
	done(3, shard.Unowned, 2, 2, 0, 0, 0, 0, 1)
	done(4, shard.Settle, 2, -1, 0, 0, -1, 1, -1)
	b.exec(`
		INSERT INTO rehome.shard (migration, ordinal, generation, kind, wave, entry, cell_first, cell_limit, users, weight, parent, state, mapping_hash)
		VALUES ('m', 2, 0, 'users', 1, -1, 0, 2, 2, 10, -1, 'planned', 'hash')`)
	hash := func(key string) int64 { return checksum.Key([]byte(key)) }
	b.exec(`INSERT INTO rehome.roster VALUES ('m', 0, 0, 0, ARRAY['1', NULL]::bytea[], ARRAY[$1::bigint, NULL])`, hash("1"))
	b.exec(`INSERT INTO rehome.roster VALUES ('m', 1, 0, 0, ARRAY['3', '4']::bytea[], ARRAY[$1::bigint, $2])`, hash("3"), hash("4"))
	for ordinal, users := range [][]string{{"1"}, {"3", "4"}, nil, {"90"}} {
		for i, user := range users {
			row := arrived(int32(i), user)
			b.exec(`INSERT INTO rehome.manifest VALUES ('m', $1, 0, $2, $3, ARRAY[$3::int], ARRAY[$4::bytea], ARRAY[$5::bytea], $6)`,
				ordinal, map[int]int{3: 2}[ordinal], i, row.TargetKey, row.LegacyKey, row.Digest.Append(nil))
		}
	}
	b.exec(`INSERT INTO rehome.undone VALUES ('m', 1, 0, 0, 't4', 4)`)
	b.exec(`INSERT INTO rehome.user_state VALUES ('m', $1, '2', 'quarantined', 'values:a.b', 0, 0), ('m', $2, '4', 'quarantined', 'unique:a.b', 4, 0)`,
		hash("2"), hash("4"))
	b.exec(`INSERT INTO rehome.set_aside VALUES ('m', 0, 0, 0, '2', '\x0132', 'values:a.b'), ('m', 3, 0, 2, NULL, '\x023931', 'too_long:a.b'), ('m', 4, 0, 0, '4', '\x0134', 'unique:a.b')`)
	b.exec(`INSERT INTO rehome.waiting VALUES ('m', 3, 0, 2, NULL, '\x023932', 'waits:a.b', 'a.n', 'n')`)
	return b
}

func TestUpgradeOfTheFirstRelease(t *testing.T) {
	b := firstRelease(t)
	conn := b.connect()
	b.must(Install(t.Context(), conn), CheckVersion(t.Context(), conn))
	m, err := b.Load(t.Context(), "m")
	b.must(err)
	t.Run("users, waves, causes and the census are what they were", func(t *testing.T) {
		got := query[[]string](b, `SELECT array_agg(user_text || ' ' || state || ' ' || rows_standing ORDER BY user_text) FROM rehome.users`)
		if diff := cmp.Diff([]string{"1 migrated 1", "2 quarantined 0", "3 migrated 1", "4 quarantined 0"}, got); diff != "" {
			t.Error(diff)
		}
		waves, err := b.Progress(t.Context(), "m")
		b.must(err)
		if w := waves[0]; w.Migrated != 2 || w.Quarantined != 2 || w.Done != 2 {
			t.Errorf("wave 0: %+v", w)
		}
		census, err := b.Census(t.Context(), "m")
		if diff := cmp.Diff(Census{Planned: 4, Tried: 4}, census); err != nil || diff != "" {
			t.Errorf("%v: %s", err, diff)
		}
		accepted, err := b.Accepted(t.Context(), "m")
		if err != nil || len(accepted) != 1 || accepted[0].Hash != "hash" || accepted[0].Fingerprint != "print" {
			t.Errorf("accepted: %v, %v", accepted, err)
		}
	})
	t.Run("who is kept out is told, rows without a user too", func(t *testing.T) {
		var got []string
		for k, err := range b.Kept(t.Context(), "m", nil) {
			b.must(err)
			got = append(got, string(k.Of)+" "+k.Unit[0]+" "+k.Causes[0])
		}
		if diff := cmp.Diff([]string{"users 2 values:a.b", "users 4 unique:a.b", "unowned 91 too_long:a.b", "unowned 92 waits:a.b"}, got); diff != "" {
			t.Fatal(diff)
		}
	})
	t.Run("the load goes on, and so does settling", func(t *testing.T) {
		claim := b.claim(conn, shard.ID{Migration: "m", Run: "run", Ordinal: 2}, Claimed)
		if claim.Schema != "print" {
			t.Fatalf("claimed by %q", claim.Schema)
		}
		b.must(b.begin(conn, claim).Rollback(t.Context()))
		b.move(conn, claim.Shard.ID, []string{"5"})
		b.inTestTx(func(tx pgx.Tx) error {
			if _, err := b.EndWaiting(t.Context(), tx, "m", raw([]string{"3", "5"})); err != nil {
				return err
			}
			rows, err := b.RowsOf(t.Context(), tx, "m", raw([]string{"3", "5"}))
			if err != nil || len(rows) != 2 {
				t.Fatalf("%d rows, %v", len(rows), err)
			}
			_, err = b.WriteSettle(t.Context(), tx, "m", Settlement{Wave: 2, Undone: rows, Quarantined: map[string]string{"3": "unique:a.b", "5": "unique:a.b"},
				Receipt: shard.Receipt{Users: shard.Users{Migrated: -2, Quarantined: 2}}})
			return err
		})
		waves, err := b.Progress(t.Context(), "m")
		b.must(err)
		if waves[0].Quarantined != 3 || waves[1].Quarantined != 1 {
			t.Fatalf("got %+v", waves)
		}
	})
	t.Run("what the first release has read cannot be done again, what came later can", func(t *testing.T) {
		for _, r := range []RedoShard{ofUsers("1"), ofUsers("2"), ofUsers("4"), {Of: shard.Unowned, Entry: 2, List: shard.List{Units: keys("91")}}} {
			_, book := b.redo(conn, r)
			if _, err := book.Accounts(t.Context(), r.Units); !errors.Is(err, ErrNoAccounts) {
				t.Errorf("%s %v: %v", r.Of, r.Units, err)
			}
			b.must(book.Rollback(t.Context()))
		}
		_, book := b.redo(conn, ofUsers("5"))
		accounts, err := book.Accounts(t.Context(), keys("5"))
		b.must(err)
		if diff := cmp.Diff([]shard.Account{{Known: true, State: "quarantined", Cause: "unique:a.b", Sums: []shard.Table{{SetAside: 1}}}}, accounts, sameSum); diff != "" {
			t.Fatal(diff)
		}
		b.must(book.Rollback(t.Context()))
	})
	t.Run("reset takes all of it", func(t *testing.T) {
		b.must(b.Reset(t.Context(), m.Name))
		if n := query[int](b, `SELECT count(*) FROM pg_class WHERE relnamespace = 'rehome'::regnamespace AND relname LIKE '%\_\_m'`); n != 0 {
			t.Fatalf("%d partitions are left", n)
		}
		b.plan("m")
	})
}
