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

const tripsLegacy = `
	CREATE TABLE users (id INT PRIMARY KEY, name VARCHAR(40) NOT NULL);
	INSERT INTO users SELECT seq, CONCAT('user ', seq) FROM seq_1_to_60000;
	CREATE TABLE posts (id INT PRIMARY KEY, owner INT NOT NULL, title VARCHAR(40) NOT NULL, KEY (owner));
	INSERT INTO posts SELECT seq, 1 + (seq - 1) DIV 3, 'a title' FROM seq_1_to_180000;
	ANALYZE TABLE users, posts`

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

// tolls moves the first so many shards of the weight, one after the other, and returns what each has asked of the links.
func tolls(t *testing.T, weight, shards int) []toll {
	t.Helper()
	var legacy, to *wire
	d := openDesk(t, func(dsn string) string {
		w := newWire(t, dsn)
		if strings.HasPrefix(dsn, "mysql:") {
			legacy = w
		} else {
			to = w
		}
		return w.dsn
	}, "SET sql_mode = ''", tripsTarget)
	for _, statement := range strings.Split(tripsLegacy, ";") {
		d.inLegacy(statement)
	}
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
	var out []toll
	for range shards {
		for _, w := range []*wire{legacy, to, nats} {
			w.taken()
		}
		lease, err := taken.Next(t.Context())
		d.must(err)
		d.slot.task(t.Context(), lease)
		out = append(out, toll{legacy.taken(), to.taken(), nats.taken()})
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

func TestRoundTrips(t *testing.T) {
	t.Parallel()
	for _, weight := range []int{2000, 20000, 80000} {
		got := tolls(t, weight, 3)
		t.Logf("%d rows: %s\n%s", weight, got[2].counts(), got[2])
	}
}
