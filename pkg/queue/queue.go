// Package queue is the edge to NATS JetStream: it declares a migration's streams, publishes tasks, receipts and dead letters, hands
// out tasks under a lease, and can run a server of its own on one machine. It knows nothing of the ledger: a message is a wake-up
// call, every stream may be lost at any time, and everything in it can be published again from the ledger.
package queue

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"rehome/pkg/shard"
)

// A kind is what a stream holds, and the token that stands for it in subjects.
type kind string

const (
	tasks    kind = "shard"
	receipts kind = "receipt"
	dead     kind = "dead"
)

var streams = map[kind]string{tasks: "SHARDS", receipts: "RECEIPTS", dead: "DEAD"}

// workers is the one durable consumer of the tasks: a work queue admits no second.
const workers = "workers"

var (
	migrationName = regexp.MustCompile(`^[a-z0-9_]{1,32}$`)
	runName       = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
)

// stream returns the name of the migration's stream.
func (k kind) stream(migration string) string {
	return "REHOME_" + strings.ToUpper(migration) + "_" + streams[k]
}

// all returns the filter that matches every subject of the migration's stream.
func (k kind) all(migration string) string {
	return "rehome." + migration + "." + string(k) + ".>"
}

// of returns the filter that matches the subjects of one run.
func (k kind) of(migration, run string) string {
	return "rehome." + migration + "." + string(k) + "." + run + ".*"
}

// subject returns the one subject of a shard. It leaves the generation out: there is room for one message per shard.
func (k kind) subject(id shard.ID) string {
	return "rehome." + id.Migration + "." + string(k) + "." + id.Run + "." + strconv.Itoa(id.Ordinal)
}

// ordinal returns the last token of a subject of this package, and whether it is one that subject can have made.
func ordinal(subject string) (int, bool) {
	text := subject[strings.LastIndexByte(subject, '.')+1:]
	n, err := strconv.Atoi(text)
	return n, err == nil && n >= 0 && strconv.Itoa(n) == text
}

// checkMigration tells whether the name can stand in subjects and stream names.
func checkMigration(name string) error {
	if !migrationName.MatchString(name) {
		return fmt.Errorf("migration %.40q: a name is 1 to 32 of a-z, 0-9 and _", name)
	}
	return nil
}

// checkRun tells whether the run can stand in a subject.
func checkRun(run string) error {
	if !runName.MatchString(run) {
		return fmt.Errorf("run %.80q: a run is 1 to 64 letters, digits, - and _", run)
	}
	return nil
}

// check tells whether the ID can be published: its parts make one subject and no wildcard.
func check(id shard.ID) error {
	if err := checkMigration(id.Migration); err != nil {
		return err
	}
	if err := checkRun(id.Run); err != nil {
		return err
	}
	if id.Ordinal < 0 || id.Generation < 0 {
		return fmt.Errorf("shard %s: ordinal and generation are not below 0", id)
	}
	return nil
}
