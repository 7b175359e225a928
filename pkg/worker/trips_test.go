package worker

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"strings"
	"testing"

	"rehome/pkg/keyspace"
	"rehome/pkg/ledger"
	"rehome/pkg/mapping"
	"rehome/pkg/plan"
	"rehome/pkg/queue"
	"rehome/pkg/sandbox"
	"rehome/pkg/shard"
)

// tripsLegacy makes so many users of three posts each.
func tripsLegacy(users int) []string {
	return []string{
		`CREATE TABLE users (id INT PRIMARY KEY, name VARCHAR(40) NOT NULL)`,
		fmt.Sprintf(`INSERT INTO users SELECT seq, CONCAT('user ', seq) FROM seq_1_to_%d`, users),
		`CREATE TABLE posts (id INT PRIMARY KEY, owner INT NOT NULL, title VARCHAR(40) NOT NULL, KEY (owner))`,
		fmt.Sprintf(`INSERT INTO posts SELECT seq, 1 + (seq - 1) DIV 3, 'a title' FROM seq_1_to_%d`, 3*users),
		`ANALYZE TABLE users, posts`,
	}
}

const tripsTarget = `CREATE SCHEMA app;
	CREATE TABLE app.users (id uuid PRIMARY KEY, name text NOT NULL);
	CREATE TABLE app.posts (id uuid PRIMARY KEY, author_id uuid NOT NULL, title text NOT NULL)`

const tripsFile = `name: desk
legacy: {dsn: "${X}", time_zone: UTC}
target: {dsn: "${X}"}
users: {from: users, key: id, shard_rows: %d}
tables:
  - {into: app.users, from: users, user: id, columns: {id: {uuid: user, of: id}, name: name}}
  - {into: app.posts, from: posts, user: owner, columns: {id: {uuid: post, of: id}, author_id: {uuid: user, of: owner}, title: title}}
`

// A toll is what one task asked of each link.
type toll struct{ legacy, target, nats []string }

func (t toll) counts() string {
	return fmt.Sprintf("legacy %d, target %d, NATS %d", len(t.legacy), len(t.target), len(t.nats))
}

func (t toll) String() string {
	var out strings.Builder
	for _, link := range []struct {
		name  string
		trips []string
	}{{"legacy", t.legacy}, {"target", t.target}, {"NATS", t.nats}} {
		fmt.Fprintf(&out, "%s: %d\n", link.name, len(link.trips))
		for _, trip := range link.trips {
			fmt.Fprintf(&out, "    %s\n", trip)
		}
	}
	return out.String()
}

// steady moves some shards of the weight, one after the other over the same sessions, and returns what the third has asked of the links: the
// first begins with the keyspace, and the second is the first that begins and ends within it.
func steady(t *testing.T, weight int) (out toll) {
	t.Helper()
	const shards = 3
	var legacy, to *wire
	d := openDesk(t, func(dsn string) string {
		w := newWire(t, dsn)
		if strings.HasPrefix(dsn, "mysql:") {
			legacy = w
		} else {
			to = w
		}
		return w.dsn
	}, `DO 0`, tripsTarget)
	d.inLegacy(tripsLegacy(weight)...) // which are four shards, and more than any test looks at
	tasks := d.planned(fmt.Sprintf(tripsFile, weight))[:shards]
	nats := newWire(t, sandbox.NATS(t).URL())
	conn, err := queue.Connect(t.Context(), queue.Options{URL: nats.dsn, Name: "test"})
	d.must(err)
	t.Cleanup(conn.Close)
	d.slot.Queue = conn
	d.must(conn.Declare(t.Context(), d.name))
	_, err = conn.PublishTasks(t.Context(), func(yield func(shard.Task) bool) {
		for _, task := range tasks {
			if !yield(task) {
				return
			}
		}
	})
	d.must(err)
	taken, err := conn.Tasks(d.name)
	d.must(err)
	for range shards {
		for _, w := range []*wire{legacy, to, nats} {
			w.taken()
		}
		lease, err := taken.Next(t.Context())
		d.must(err)
		d.slot.task(t.Context(), lease)
		out = toll{legacy.taken(), to.taken(), nats.taken()}
	}
	d.holds(fmt.Sprint(shards), `SELECT count(*) FROM rehome.shard WHERE state = 'done'`)
	return out
}

// planned commits the plan of a mapping and returns its tasks.
func (d *desk) planned(file string) []shard.Task {
	d.Helper()
	mapped := d.compile(file)
	compiled, catalog := mapped.Compiled, mapped.target
	made, err := plan.Make(d.Context(), compiled, d.slot.Legacy, shard.ID{Migration: d.name})
	d.must(err)
	record := made.Record(compiled)
	record.Catalog, record.TimeZone = catalog, "UTC"
	body, err := json.Marshal(record)
	d.must(err)
	cells := iter.Seq2[ledger.Cell, error](func(yield func(ledger.Cell, error) bool) {
		for _, cell := range made.Cells {
			if !yield(ledger.Cell{Range: keyspace.Range{After: cell.After, Through: cell.Through}, Hashes: cell.Hashes}, nil) {
				return
			}
		}
	})
	_, err = d.ledger.Create(context.WithoutCancel(d.Context()), ledger.Plan{Canonical: mapping.Canonical(compiled.File), Cells: cells, Shards: made.Shards,
		Migration: ledger.Migration{Name: d.name, Mapping: compiled.Hash, Fingerprint: compiled.Fingerprint, Plan: body}})
	d.must(err)
	tasks, err := d.ledger.Next(d.Context(), d.name, plan.RestWave(compiled))
	d.must(err)
	return tasks
}

// What moving a shard of two entries may ask of each link. An entry more costs two on either side of it: its rows and their warnings, its COPY
// and its read-back.
const (
	mostLegacy = 10
	mostTarget = 13
	mostNATS   = 3
)

func TestRoundTripsOfAShard(t *testing.T) {
	t.Parallel()
	sizes := map[int]toll{}
	for _, weight := range []int{mapping.DefaultShardRows / 10, mapping.DefaultShardRows, 4 * mapping.DefaultShardRows} {
		sizes[weight] = steady(t, weight)
		t.Logf("%d rows: %s", weight, sizes[weight].counts())
	}
	tenth, whole, many := sizes[mapping.DefaultShardRows/10], sizes[mapping.DefaultShardRows], sizes[4*mapping.DefaultShardRows]
	t.Run("are not more than these", func(t *testing.T) {
		if len(whole.legacy) > mostLegacy || len(whole.target) > mostTarget || len(whole.nats) > mostNATS {
			t.Errorf("want at most %d, %d and %d:\n%s", mostLegacy, mostTarget, mostNATS, whole)
		}
	})
	t.Run("do not depend on the number of rows up to the default size", func(t *testing.T) {
		if tenth.counts() != whole.counts() {
			t.Errorf("a tenth of the rows: %s\nall: %s", tenth, whole)
		}
	})
	t.Run("grow by windows alone beyond it, and only on the target's link", func(t *testing.T) {
		windows := 4*mapping.DefaultShardRows/(32<<10) + 2 // of both entries
		if len(many.legacy) != len(whole.legacy) || len(many.nats) != len(whole.nats) || len(many.target) > len(whole.target)+3*windows {
			t.Errorf("want %s and at most three steps for each of %d windows:\n%s", whole.counts(), windows, many)
		}
	})
}
