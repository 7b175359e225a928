package target

import (
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"rehome/pkg/shard"
)

// A refusal is an error of the server without the server's own words, which may quote values.
type refusal struct{ what, code, object, table, next string }

// Error says what was attempted, the SQLSTATE, the object concerned and what to do.
func (r *refusal) Error() string {
	text := r.what
	if r.table != "" {
		text += ", on table " + r.table
	}
	text += ": PostgreSQL refuses with SQLSTATE " + r.code
	if r.object != "" {
		text += " (" + r.object + ")"
	}
	if r.next != "" {
		text += "; " + r.next
	}
	return text
}

// classify marks what the server has answered while what was attempted on the table, schema.table or empty for none. An error that
// is nil or classified already stays as it is.
func classify(err error, what, table string) error {
	if err == nil {
		return nil
	}
	if kind, _ := shard.KindOf(err); kind != shard.Outage {
		return err
	}
	redacted := redact(err, what)
	refused := (*pgconn.PgError)(nil)
	if !errors.As(err, &refused) {
		return redacted
	}
	kind, cause := judge(refused, table)
	if about := (*refusal)(nil); kind == shard.Schema && errors.As(redacted, &about) {
		about.table = tableOf(refused, what, table)
		if about.next == "" {
			about.next = "look at that table's kind, columns, triggers, rules and partitions, and mend what the server cannot do; producer check looks at it, and producer run goes on"
		}
	}
	return shard.Fail(kind, cause, redacted)
}

// tableOf names the table that a failure of the schema is about, unless what was attempted names it already.
func tableOf(e *pgconn.PgError, what, table string) string {
	if e.TableName != "" {
		table = e.SchemaName + "." + e.TableName
	}
	if strings.Contains(what, table) { // also where none is known
		return ""
	}
	return table
}

// redact keeps of a server's error its SQLSTATE and names alone; other errors hold no values and stay in the chain.
func redact(err error, what string) error {
	refused := (*pgconn.PgError)(nil)
	if !errors.As(err, &refused) {
		return fmt.Errorf("%s: %w", what, err)
	}
	return &refusal{what: what, code: refused.Code, object: objectOf(refused), next: remedy(refused.Code)}
}

// objectOf names what an error is about; constraint and column names are the schema's, not the data's.
func objectOf(e *pgconn.PgError) string {
	switch {
	case e.ConstraintName != "":
		return "constraint " + e.ConstraintName
	case e.ColumnName != "":
		return "column " + e.ColumnName
	}
	return conditions[e.Code]
}

// judge returns the kind of failure and, for the data's own, its cause KIND:TABLE.COLUMN.
func judge(e *pgconn.PgError, table string) (shard.Failure, string) {
	if e.SchemaName == "pg_catalog" && e.TableName != "" { // no row's fault: another session has made the same object at the same time
		return shard.Outage, ""
	}
	if e.TableName != "" {
		table = e.SchemaName + "." + e.TableName
	}
	switch e.Code {
	case "23505":
		return shard.Data, "unique:" + table + "." + e.ConstraintName
	case "23514":
		return shard.Data, "check:" + named(table, e.ConstraintName)
	case "23502":
		return shard.Data, "not_null:" + named(table, e.ColumnName)
	case "23503", "23001":
		return shard.Data, "foreign_key:" + named(table, e.ConstraintName)
	case "23P01":
		return shard.Data, "exclusion:" + named(table, e.ConstraintName)
	case "54000": // an index entry of more than a third of a page
		return shard.Data, "too_long:" + table
	}
	return judgeClass(e.Code, table)
}

func judgeClass(code, table string) (shard.Failure, string) {
	switch class(code) {
	case "22":
		return shard.Data, valueKind(code) + ":" + table
	case "54": // stack depth and other limits, by a value that is nested or wide beyond them
		return shard.Data, "bad_value:" + table
	case "23", "44":
		return shard.Data, "constraint:" + table
	case "42", "0A", "3F":
		return shard.Schema, ""
	case "08", "26", "28", "3D", "40", "53", "55", "57", "58", "F0", "XX":
		return shard.Outage, ""
	case "25", "2D", "3B":
		if code == "25P03" || code == "25P04" || code == "25006" { // a timeout, or a failover to a standby
			return shard.Outage, ""
		}
		return shard.Defect, ""
	}
	// What is left are the exceptions of functions: P0001, and codes that a RAISE chose itself.
	return shard.Data, "trigger:" + table
}

func class(code string) string {
	if len(code) < 2 {
		return ""
	}
	return code[:2]
}

func named(table, object string) string {
	if object == "" {
		return table
	}
	return table + "." + object
}

// valueKind names a data exception as value's faults are named.
func valueKind(code string) string {
	switch code {
	case "22001", "22026":
		return "too_long"
	case "22003", "22008", "22015":
		return "out_of_range"
	case "22021", "22P05":
		return "bad_text"
	case "22P03":
		return "bad_binary"
	}
	return "bad_value"
}

var conditions = map[string]string{
	"22001": "value too long", "22003": "number out of range", "22021": "character not in the encoding", "22P03": "bad binary form",
	"40001": "serialization failure", "40P01": "deadlock", "42501": "insufficient privilege", "42P01": "no such table",
	"42703": "no such column", "53100": "disk full", "53200": "out of memory", "53300": "too many connections", "54000": "index row too large",
	"55P03": "lock not available", "57P01": "session ended by an administrator", "25P03": "idle in transaction for too long",
	"P0001": "raised by a trigger or function", "0A000": "the server does not support it", "3F000": "no such schema", "42804": "types that do not fit",
	"42809": "an object of the wrong kind", "42883": "no such function or operator", "428C9": "a column that is generated always", "42P10": "no such column or key",
}

func remedy(code string) string {
	switch code {
	case "42501":
		return "grant the role what it needs, or connect as the tables' owner; a row security policy that applies to it is refused too"
	case "42P01", "42703":
		return "the schema has changed; run check again"
	case "53100":
		return "free disk space on the target"
	case "53300":
		return "raise max_connections, or start fewer slots"
	case "55P03":
		return "another session holds a lock on it; see pg_locks"
	}
	return ""
}
