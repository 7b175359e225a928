package aggregator

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"rehome/pkg/keyspace"
	"rehome/pkg/ledger"
	"rehome/pkg/plan"
	"rehome/pkg/shard"
)

// An AuditReport is what an audit came to. Its JSON is for scripts.
type AuditReport struct {
	Migration string         `json:"migration"`
	Run       string         `json:"run"`
	Rehome    string         `json:"rehome"`
	Verdict   string         `json:"verdict"` // same, differs, legacy_changed or incomplete
	Reasons   []string       `json:"reasons"`
	Shards    AuditShards    `json:"shards"`
	Tables    []AuditTable   `json:"tables"`
	Users     int64          `json:"new_users"` // of the legacy database, whom no shard has read
	Rules     []AuditRule    `json:"rules"`
	Unchecked []AuditRule    `json:"unchecked"` // values that were compared by the migration's own conversion alone
	Findings  []AuditFinding `json:"findings"`
	More      int64          `json:"more_findings"` // that are not listed
	Repair    *AuditRepair   `json:"repair,omitempty"`
	Seconds   float64        `json:"seconds"`

	exit int
}

// AuditShards counts the shards of an audit.
type AuditShards struct {
	Done    int `json:"done"`
	Dead    int `json:"dead"`
	Pending int `json:"pending"`
}

// An AuditTable sums up one entry of the mapping.
type AuditTable struct {
	Into          string `json:"into"`
	From          string `json:"from"`
	Rows          int64  `json:"rows"`
	Identical     int64  `json:"identical"`
	ByRule        int64  `json:"by_rule"`
	Changed       int64  `json:"changed"`
	Deleted       int64  `json:"deleted"`
	Added         int64  `json:"added"`
	Wrong         int64  `json:"wrong"`
	LegacyChanged int64  `json:"legacy_changed"`
	LegacyGone    int64  `json:"legacy_gone"`
	LegacyNew     int64  `json:"legacy_new"`

	gathered bool // its rows are attributes, which are compared in the rows that have gathered them
}

// An AuditRule counts values of one column.
type AuditRule struct {
	Table  string `json:"table"`
	Column string `json:"column"`
	Rule   string `json:"rule,omitempty"`
	Rows   int64  `json:"rows"`
}

// An AuditFinding is a row in which both sides differ. Keys that are neither numbers nor UUIDs stand as keyed hashes.
type AuditFinding struct {
	Class   shard.Class `json:"class"`
	Table   string      `json:"table,omitempty"`
	User    string      `json:"user,omitempty"`
	Row     string      `json:"row,omitempty"`    // its key in the target
	Legacy  string      `json:"legacy,omitempty"` // and in the legacy database
	Columns []string    `json:"columns,omitempty"`
}

// listed is how many findings a report has.
const listed = 1000

func auditTables(record *plan.Record) (tables []AuditTable) {
	for _, e := range record.Entries {
		tables = append(tables, AuditTable{Into: e.Into, From: e.From, gathered: len(e.Key) == 0})
	}
	return tables
}

// ReportAudit returns what the newest audit of the migration came to, from the ledger alone.
func ReportAudit(ctx context.Context, l *ledger.Ledger, name, version string) (*AuditReport, error) {
	m, err := l.Load(ctx, name)
	if err != nil {
		return nil, err
	}
	record, err := recordOf(m)
	if err != nil {
		return nil, err
	}
	state, err := l.AuditState(ctx, name)
	if err != nil {
		return nil, err
	}
	counts, err := l.Audited(ctx, name)
	if err != nil {
		return nil, err
	}
	found, err := l.Findings(ctx, name, listed)
	if err != nil {
		return nil, err
	}
	r := &AuditReport{Migration: name, Run: m.Run, Rehome: version, Shards: AuditShards{Done: state.Done, Dead: state.Dead, Pending: state.Planned},
		Reasons: []string{}, Rules: []AuditRule{}, Unchecked: []AuditRule{}, Findings: []AuditFinding{}}
	r.Tables = auditTables(record)
	for _, c := range counts {
		r.count(c)
	}
	for _, f := range found {
		r.Findings = append(r.Findings, findingOf(f, m, record))
	}
	r.More = r.differences() + r.ofLegacy() - int64(len(r.Findings))
	r.judge()
	return r, nil
}

// Exit returns the status with which a program ends on the report.
func (r *AuditReport) Exit() int { return r.exit }

func (r *AuditReport) count(c shard.Audited) {
	switch {
	case c.Entry < 0:
		r.Users += c.Rows
		return
	case c.Class == shard.Unchecked:
		r.Unchecked = append(r.Unchecked, AuditRule{Table: r.Tables[c.Entry].Into, Column: c.Column, Rows: c.Rows})
		return
	case c.Column != "":
		r.Rules = append(r.Rules, AuditRule{Table: r.Tables[c.Entry].Into, Column: c.Column, Rule: c.Rule, Rows: c.Rows})
		return
	}
	t := &r.Tables[c.Entry]
	t.Rows += c.Rows
	classes := map[shard.Class]*int64{
		shard.Identical: &t.Identical, shard.ByRule: &t.ByRule, shard.Changed: &t.Changed, shard.Deleted: &t.Deleted, shard.Added: &t.Added,
		shard.Wrong: &t.Wrong, shard.LegacyChanged: &t.LegacyChanged, shard.LegacyGone: &t.LegacyGone, shard.LegacyNew: &t.LegacyNew,
	}
	if n, known := classes[c.Class]; known {
		*n += c.Rows
	}
}

// differences counts rows that are not what they should be.
func (r *AuditReport) differences() (n int64) {
	for _, t := range r.Tables {
		n += t.Changed + t.Deleted + t.Added + t.Wrong
	}
	return n
}

// ofLegacy counts rows, and users, that have changed in the legacy database since the copy.
func (r *AuditReport) ofLegacy() int64 {
	n := r.Users
	for _, t := range r.Tables {
		n += t.LegacyChanged + t.LegacyGone + t.LegacyNew
	}
	return n
}

// The statuses of an audit, as product.md has them.
const (
	exitFailed  = 1
	exitTarget  = 3
	exitUnclean = 4
)

func (r *AuditReport) judge() {
	r.Verdict, r.Reasons, r.exit = "same", []string{}, 0
	because := func(verdict string, exit int, n int64, format string) {
		if n == 0 {
			return
		}
		if r.exit == 0 {
			r.Verdict, r.exit = verdict, exit
		}
		r.Reasons = append(r.Reasons, fmt.Sprintf(format, n))
	}
	because("incomplete", exitFailed, int64(r.Shards.Dead), "shards that could not be audited: %d; the workers' log says why")
	because("incomplete", exitFailed, int64(r.Shards.Pending), "shards that are still to be audited: %d; the next audit goes on")
	var wrong, changed, deleted, added int64
	for _, t := range r.Tables {
		wrong, changed, deleted, added = wrong+t.Wrong, changed+t.Changed, deleted+t.Deleted, added+t.Added
	}
	because("differs", exitTarget, wrong, "rows that are not what the legacy database holds, by a defect of rehome: %d; please report it")
	because("differs", exitTarget, changed, "rows that the target has changed since they arrived: %d")
	because("differs", exitTarget, deleted, "rows that are gone from the target: %d")
	because("differs", exitTarget, added, "rows of the target that rehome has not brought: %d")
	because("legacy_changed", exitUnclean, r.ofLegacy()-r.Users, "rows that have changed in the legacy database since the copy: %d")
	because("legacy_changed", exitUnclean, r.Users, "users who have appeared in the legacy database since: %d")
}

func findingOf(f shard.Finding, m *ledger.Migration, record *plan.Record) AuditFinding {
	out := AuditFinding{Class: f.Class, Columns: f.Columns}
	if f.User != nil {
		out.User = m.Show(f.User)
	}
	if key, err := keyspace.Unmarshal(f.LegacyKey); err == nil && key != nil {
		out.Legacy = m.Show(key.Canonical())
	}
	if f.Entry < 0 {
		return out
	}
	out.Table = record.Entries[f.Entry].Into
	if f.TargetKey != nil {
		out.Row = showTarget(f.TargetKey, f.Entry, m, record)
	}
	return out
}

// showTarget spells a target key as it may leave the ledger.
func showTarget(key []byte, entry int, m *ledger.Migration, record *plan.Record) string {
	parts := targetKey(key, record, entry)
	for i, part := range parts {
		parts[i] = m.Show([]byte(part))
	}
	return strings.Join(parts, "/")
}

// targetKey spells the columns of a target key of the entry's table, each as its type does.
func targetKey(key []byte, record *plan.Record, entry int) (parts []string) {
	if entry < 0 || entry >= len(record.Entries) {
		return []string{"0x" + hex.EncodeToString(key)}
	}
	e := record.Entries[entry]
	for _, name := range e.Key {
		if len(key) < 4 {
			break
		}
		size := int32(binary.BigEndian.Uint32(key))
		key = key[4:]
		body := key[:max(0, min(int(size), len(key)))]
		key = key[len(body):]
		if size < 0 {
			parts = append(parts, "NULL")
			continue
		}
		parts = append(parts, spell(body, typeOf(record, e.Into, name)))
	}
	return parts
}

func typeOf(record *plan.Record, table, column string) string {
	if record.Catalog == nil {
		return ""
	}
	if t := record.Catalog.Table(table); t != nil {
		if c := t.Column(column); c != nil {
			return c.Type.Name
		}
	}
	return ""
}

// spell returns a value in binary form as PostgreSQL prints it, where that is a number, a UUID or text.
func spell(body []byte, typ string) string {
	switch {
	case typ == "uuid" && len(body) == 16:
		return uuid.UUID(body).String()
	case typ == "smallint" && len(body) == 2:
		return strconv.Itoa(int(int16(binary.BigEndian.Uint16(body))))
	case typ == "integer" && len(body) == 4:
		return strconv.Itoa(int(int32(binary.BigEndian.Uint32(body))))
	case typ == "bigint" && len(body) == 8:
		return strconv.FormatInt(int64(binary.BigEndian.Uint64(body)), 10)
	case typ == "text" || typ == "character varying" || typ == "citext":
		return string(body)
	}
	return "0x" + hex.EncodeToString(body)
}
