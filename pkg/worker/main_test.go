package worker

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"iter"
	"log/slog"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"rehome/pkg/keyspace"
	"rehome/pkg/ledger"
	"rehome/pkg/legacy"
	"rehome/pkg/mapping"
	"rehome/pkg/plan"
	"rehome/pkg/sandbox"
	"rehome/pkg/settings"
	"rehome/pkg/shard"
	"rehome/pkg/target"
)

func TestMain(m *testing.M) { sandbox.Main(m) }

// A desk is a small migration with its two databases and one slot that works on its shards without a queue.
type desk struct {
	testing.TB
	legacy *sql.DB
	target *pgx.Conn // as an application has it
	dsn    string    // of the target
	ledger *ledger.Ledger
	slot   *slot
	mapped fitted
	name   string
}

// newDesk plans one shard for all users, and one for what belongs to nobody of each entry.
func newDesk(t testing.TB, legacySQL, targetSQL, file string) *desk {
	t.Helper()
	d := openDesk(t, func(dsn string) string { return dsn }, legacySQL, targetSQL)
	d.plan(file)
	return d
}

// openDesk plans nothing yet. The slot's sessions, and nobody else's, go the way that via shows for a DSN.
func openDesk(t testing.TB, via func(dsn string) string, legacySQL, targetSQL string) *desk {
	t.Helper()
	d := &desk{TB: t, name: "desk", dsn: sandbox.Postgres(t)}
	from := sandbox.MariaDB(t)
	var err error
	if d.legacy, err = sandbox.Open(from); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.legacy.Close() })
	d.inLegacy(legacySQL)
	d.target = d.connect()
	d.inTarget(targetSQL)
	source, err := settings.ParseMySQL(via(from))
	d.must(err)
	db, err := legacy.Open(t.Context(), source.Config())
	d.must(err)
	t.Cleanup(func() { _ = db.Close() })
	pool, err := pgxpool.New(t.Context(), d.dsn)
	d.must(err)
	t.Cleanup(pool.Close)
	d.ledger = ledger.Open(pool)
	d.must(ledger.Install(t.Context(), d.target))
	config, err := pgx.ParseConfig(via(d.dsn))
	d.must(err)
	w := &Worker{Migration: d.name, Legacy: db, Ledger: d.ledger, Log: slog.New(slog.DiscardHandler), holder: uuid.New(), meters: newMeters(d.name),
		Connect: func(ctx context.Context) (*pgx.Conn, error) { return target.Connect(ctx, config, "worker") }}
	d.must(d.ledger.Beat(t.Context(), ledger.Worker{Holder: w.holder, Migration: d.name}))
	d.slot = &slot{Worker: w, shapes: target.Shapes{}}
	d.slot.conn, err = w.Connect(t.Context())
	d.must(err)
	t.Cleanup(d.slot.drop)
	return d
}

func (d *desk) plan(file string) {
	d.Helper()
	d.mapped = d.compile(file)
	compiled, catalog := d.mapped.Compiled, d.mapped.target
	canonical := mapping.Canonical(compiled.File)
	record, err := json.Marshal(plan.Record{Catalog: catalog, TimeZone: "UTC"})
	d.must(err)
	shards := []shard.Shard{{Kind: shard.OfUsers, Entry: -1, Parent: -1, Cells: [2]int{0, 1}}}
	for _, p := range compiled.Plans {
		for _, kind := range shard.RestOf(compiled.Keys, p) {
			shards = append(shards, shard.Shard{ID: shard.ID{Ordinal: len(shards)}, Kind: kind, Entry: p.Ordinal, Wave: 1, Parent: -1})
		}
	}
	cells := iter.Seq2[ledger.Cell, error](func(yield func(ledger.Cell, error) bool) { yield(ledger.Cell{}, nil) })
	_, err = d.ledger.Create(d.Context(), ledger.Plan{Canonical: canonical, Cells: cells, Shards: shards, Migration: ledger.Migration{
		Name: d.name, Mapping: compiled.Hash, Fingerprint: compiled.Fingerprint, Plan: record}})
	d.must(err)
}

// compile compiles a mapping against the databases as they are.
func (d *desk) compile(file string) fitted {
	d.Helper()
	parsed, faults := mapping.Parse("desk.yaml", []byte(file), func(string) (string, bool) { return "x://y/z", true })
	d.must(faults.Err())
	from, err := d.slot.Legacy.Catalog(d.Context())
	d.must(err)
	to, err := target.Catalog(d.Context(), d.slot.conn)
	d.must(err)
	compiled, _, err := mapping.Compile(d.Context(), parsed, from, to)
	d.must(err)
	return fitted{compiled, to, mapping.ReadTables(compiled, from)}
}

func (d *desk) must(err error) {
	d.Helper()
	if err != nil {
		d.Fatal(err)
	}
}

func (d *desk) connect() *pgx.Conn {
	d.Helper()
	conn, err := pgx.Connect(d.Context(), d.dsn)
	d.must(err)
	d.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

func (d *desk) inLegacy(statements ...string) {
	d.Helper()
	for _, s := range statements {
		if _, err := d.legacy.ExecContext(d.Context(), s); err != nil {
			d.Fatalf("%s: %v", s, err)
		}
	}
}

func (d *desk) inTarget(statements ...string) {
	d.Helper()
	for _, s := range statements {
		if _, err := d.target.Exec(d.Context(), s); err != nil {
			d.Fatalf("%s: %v", s, err)
		}
	}
}

// ask returns the one text that the query yields in the target.
func (d *desk) ask(query string) (text string) {
	d.Helper()
	if err := d.target.QueryRow(d.Context(), `SELECT coalesce((`+query+`)::text, '')`).Scan(&text); err != nil {
		d.Fatalf("%s: %v", query, err)
	}
	return text
}

func (d *desk) holds(want, query string) {
	d.Helper()
	if got := d.ask(query); got != want {
		d.Errorf("%s: %s, want %s", query, got, want)
	}
}

// load moves all that was planned.
func (d *desk) load() {
	d.Helper()
	for _, id := range d.shards() {
		_, err := d.does(id)
		d.must(err)
	}
	d.adds()
}

// does claims a shard and works on it.
func (d *desk) does(id shard.ID) (*shard.Receipt, error) {
	d.Helper()
	return d.doesIn(d.Context(), id)
}

func (d *desk) doesIn(ctx context.Context, id shard.ID) (*shard.Receipt, error) {
	d.Helper()
	claim, err := d.ledger.Claim(d.Context(), d.slot.conn, id, ledger.Claimant{Holder: d.slot.holder})
	d.must(err)
	if claim.Answer != ledger.Claimed {
		d.Fatalf("shard %s is %s", id, claim.Answer)
	}
	return d.slot.move(ctx, claim, d.mapped)
}

// list is a redo of users by their keys.
func list(users ...string) shard.List {
	var l shard.List
	for _, user := range users {
		l.Units = append(l.Units, keyspace.Key{user})
	}
	return l
}

// again plans a redo and does it.
func (d *desk) again(r ledger.RedoShard) *shard.Receipt {
	d.Helper()
	receipt, err := d.tries(r)
	d.must(err)
	d.adds()
	return receipt
}

func (d *desk) tries(r ledger.RedoShard) (*shard.Receipt, error) {
	d.Helper()
	if r.Of == "" {
		r.Of = shard.OfUsers
	}
	added, err := d.ledger.AddRedo(d.Context(), d.name, []ledger.RedoShard{r})
	d.must(err)
	return d.does(added[0].ID)
}

// adds asserts that the receipts add up to what both databases hold.
func (d *desk) adds() {
	d.Helper()
	facts, err := d.ledger.Facts(d.Context(), d.name)
	d.must(err)
	for _, t := range facts.Tables {
		p := d.mapped.Plans[t.Entry]
		var source int64
		d.must(d.legacy.QueryRowContext(d.Context(), "SELECT COUNT(*) FROM "+p.Source).Scan(&source))
		if t.Unexplained() != 0 || t.Source != t.Read || p.Where == "" && t.Source != source {
			d.Errorf("%s: %d rows in the legacy database, receipts %+v", p.Into, source, t)
		}
		if t.Expected != t.Stored {
			d.Errorf("%s: expected and stored checksums differ", p.Into)
		}
		if p.GatheredBy != nil {
			continue
		}
		d.holds(fmt.Sprint(t.Written+t.Extra), fmt.Sprintf(`SELECT count(*) FROM rehome.manifest m CROSS JOIN LATERAL unnest(m.target_keys) AS t (k) WHERE m.entry = %d
			AND NOT EXISTS (SELECT FROM rehome.undone x WHERE x.entry = m.entry AND x.target_key = t.k AND x.ordinal = m.ordinal AND x.generation = m.generation)`, t.Entry))
	}
	d.holds(fmt.Sprint(facts.Users.Quarantined), `SELECT count(*) FROM rehome.user_state WHERE state = 'quarantined'`)
	for _, c := range facts.Causes {
		rows := d.ask(fmt.Sprintf(`SELECT (SELECT count(*) FROM rehome.set_aside WHERE cause = '%[1]s') + (SELECT count(*) FROM rehome.waiting WHERE cause = '%[1]s')`, c.Cause.Cause))
		if fmt.Sprint(c.Rows) != rows {
			d.Errorf("cause %s: %d rows by the receipts, %s in the ledger", c.Cause.Cause, c.Rows, rows)
		}
	}
}

// conflicts returns what the ledger has of conflicts, as kind, table and legacy key.
func (d *desk) conflicts() string {
	d.Helper()
	return d.ask(`SELECT string_agg(kind || CASE WHEN settled THEN '!' ELSE '' END || ' ' || entry || ' ' || coalesce(encode(substr(legacy_key, 2), 'escape'), '-'), ', '
		ORDER BY entry, legacy_key, kind) FROM rehome.conflict`)
}

// shards returns the planned shards in the order of their ordinals.
func (d *desk) shards() (out []shard.ID) {
	d.Helper()
	rows, err := d.target.Query(d.Context(), `SELECT s.migration, m.run, s.ordinal, s.generation FROM rehome.shard s JOIN rehome.migration m ON m.name = s.migration
		WHERE s.state = 'planned' ORDER BY s.ordinal`)
	d.must(err)
	out, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (id shard.ID, err error) {
		return id, row.Scan(&id.Migration, &id.Run, &id.Ordinal, &id.Generation)
	})
	d.must(err)
	return out
}
