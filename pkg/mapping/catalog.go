package mapping

import (
	"context"
	"strings"

	"rehome/pkg/keyspace"
	"rehome/pkg/value"
)

// A LegacyCatalog is what the compiler needs to know of the legacy database, and the way to ask it what an expression is.
type LegacyCatalog struct {
	Server  string // "MariaDB 10.11.19", for messages and the fingerprint
	Tables  []LegacyTable
	Resolve Resolver
}

// A Resolver asks the legacy server about a query without reading a row.
type Resolver interface {
	// Resolve returns the types of the query's result columns and the columns of tables that the query mentions, as the
	// server itself resolves the names. A query that the server refuses is a *QueryFault; any other error is an outage.
	Resolve(ctx context.Context, query string) (Resolved, error)
}

// A QueryFault is the legacy server's refusal of a query: an unknown column, a syntax error.
type QueryFault struct {
	Reason string // the server's words, which name identifiers and no values
}

// Error returns the reason.
func (f *QueryFault) Error() string { return f.Reason }

// A Resolved is the server's reading of a query.
type Resolved struct {
	Types     []value.LegacyType
	Mentioned []LegacyColumnRef
}

// A LegacyColumnRef names a column of a base table of the legacy database.
type LegacyColumnRef struct{ Table, Column string }

// A LegacyTable is a base table of the legacy database.
type LegacyTable struct {
	Name       string
	Engine     string // InnoDB, MyISAM …
	Rows       int64  // the server's estimate
	Columns    []LegacyColumn
	PrimaryKey []string
	Indexes    [][]string // columns of each index in order, the primary key's included
}

// A LegacyColumn is a column of a LegacyTable.
type LegacyColumn struct {
	Name      string
	Type      value.LegacyType
	Collation string // empty where the type has none
	Charset   string
	Generated bool
}

// Table returns the table of exactly that name, else the one that has it but for case, or nil: whether case counts is the server's
// matter, who has the last word on every query.
func (c *LegacyCatalog) Table(name string) *LegacyTable {
	var near *LegacyTable
	for i := range c.Tables {
		switch t := &c.Tables[i]; {
		case t.Name == name:
			return t
		case near == nil && strings.EqualFold(t.Name, name):
			near = t
		}
	}
	return near
}

// Column returns the column of that name, compared without case, or nil.
func (t *LegacyTable) Column(name string) *LegacyColumn {
	for i := range t.Columns {
		if strings.EqualFold(t.Columns[i].Name, name) {
			return &t.Columns[i]
		}
	}
	return nil
}

// Indexed reports whether some index begins with the column.
func (t *LegacyTable) Indexed(column string) bool {
	for _, index := range t.Indexes {
		if len(index) > 0 && strings.EqualFold(index[0], column) {
			return true
		}
	}
	return false
}

// KindOf returns the kind of key that values of the type make, and false where rehome cannot split on such a type.
func KindOf(t value.LegacyType) (keyspace.Kind, bool) {
	switch t.Name {
	case "TINYINT", "SMALLINT", "MEDIUMINT", "INT", "BIGINT":
		return keyspace.Integer, true
	case "CHAR", "VARCHAR":
		return keyspace.Text, true
	case "BINARY", "VARBINARY":
		return keyspace.Binary, true
	}
	return 0, false
}

// A TargetCatalog is what the compiler needs to know of the target database.
type TargetCatalog struct {
	Server string // "PostgreSQL 15.18"
	Tables []TargetTable
}

// A TargetTable is a table of the target database that a mapping may feed.
type TargetTable struct {
	Schema, Name string
	Kind         byte // pg_class.relkind: 'r' ordinary, 'p' partitioned, 'v' view, 'f' foreign …
	Columns      []TargetColumn
	Uniques      []Unique // the primary key first, then constraints and plain unique indexes
	ForeignKeys  []ForeignKey
	Triggers     []Trigger
	RowSecurity  bool
	Rules        []string // rewrite rules other than a view's own
}

// A TargetColumn is a column of a TargetTable.
type TargetColumn struct {
	Name      string
	Type      value.TargetType
	NotNull   bool
	Default   string // the default's expression, empty for none
	Volatile  bool   // the default calls a volatile or stable function (nextval, now(), gen_random_uuid())
	Identity  byte   // 'a' always, 'd' by default, 0 none
	Generated bool   // GENERATED ALWAYS AS (…) STORED or VIRTUAL
}

// A Unique is a primary key, unique constraint or unique index.
type Unique struct {
	Name    string
	Columns []string // empty for an index over expressions
	Primary bool
	Partial bool
}

// A ForeignKey is a foreign key of a TargetTable.
type ForeignKey struct {
	Name       string
	Columns    []string
	References string // schema.table
	Targets    []string
}

// A Trigger is a trigger of a TargetTable that INSERT would fire; internal ones are left out.
type Trigger struct{ Name, Event string }

// FullName returns schema.table, as a mapping spells it.
func (t *TargetTable) FullName() string { return t.Schema + "." + t.Name }

// Column returns the column of exactly that name, or nil.
func (t *TargetTable) Column(name string) *TargetColumn {
	for i := range t.Columns {
		if t.Columns[i].Name == name {
			return &t.Columns[i]
		}
	}
	return nil
}

// Table returns the table that schema.name, or name in schema public, names, or nil.
func (c *TargetCatalog) Table(name string) *TargetTable {
	for i := range c.Tables {
		t := &c.Tables[i]
		if t.FullName() == name || t.Schema == "public" && t.Name == name {
			return t
		}
	}
	return nil
}
