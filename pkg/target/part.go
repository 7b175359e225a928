package target

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"
)

// A PartKind is what a Part is.
type PartKind string

// The kinds of parts. Primary keys, exclusion and check constraints stay on.
const (
	ForeignKey PartKind = "foreign_key"
	Unique     PartKind = "unique" // a unique constraint or a plain unique index
	Index      PartKind = "index"  // not unique: it only makes queries faster
)

// A Part is a constraint or an index that comes off a table for the load, with all that is needed to make the very same one again and
// to find what it would refuse. The ledger keeps it as JSON.
type Part struct {
	Table      string   `json:"table"` // schema.table
	Schema     string   `json:"schema"`
	Name       string   `json:"name"`
	Kind       PartKind `json:"kind"`
	Constraint bool     `json:"constraint"`           // a Unique that is a constraint over its index; a ForeignKey always
	Definition string   `json:"definition"`           // pg_get_constraintdef of a foreign key, pg_get_indexdef of an index
	Attributes string   `json:"attributes,omitempty"` // DEFERRABLE … of a unique constraint
	Tablespace string   `json:"tablespace,omitempty"` // of an index; empty is the database's own
	Whole      bool     `json:"whole"`                // was valid; a foreign key that was NOT VALID comes back so
	AtOnce     bool     `json:"at_once,omitempty"`    // a foreign key of a partitioned table, which cannot be added NOT VALID
	After      []string `json:"after,omitempty"`      // statements for what hangs on it: comments, CLUSTER ON, statistics targets

	Columns    []string `json:"columns,omitempty"` // of a foreign key; names, not quoted
	References string   `json:"references,omitempty"`
	RefSchema  string   `json:"ref_schema,omitempty"`
	RefColumns []string `json:"ref_columns,omitempty"`
	RefTypes   []string `json:"ref_types,omitempty"` // what a column is cast to where its type is not its RefColumn's, else empty
	Operators  []string `json:"operators,omitempty"` // OPERATOR(schema.=) by which the referenced column meets the referring one
	Full       bool     `json:"full,omitempty"`      // MATCH FULL

	Keys       []string `json:"keys,omitempty"`      // of a unique index: SQL expressions over the table, with their collations
	Predicate  string   `json:"predicate,omitempty"` // of a partial index
	NullsEqual bool     `json:"nulls_equal,omitempty"`
}

func (p *Part) table() string {
	return pgx.Identifier{p.Schema, strings.TrimPrefix(p.Table, p.Schema+".")}.Sanitize()
}

func (p *Part) references() string {
	return pgx.Identifier{p.RefSchema, strings.TrimPrefix(p.References, p.RefSchema+".")}.Sanitize()
}

// index names the part's index, which lives in its table's schema.
func (p *Part) index() string { return pgx.Identifier{p.Schema, p.Name}.Sanitize() }

// Detachable returns what comes off the fed tables for a load into empty tables: foreign keys between two of them, unique constraints
// and indexes, and other indexes. Stays on what keep (called with schema.table and the name of an index or constraint) wants to keep,
// as the read-back keys; what a foreign key that stays refers to; a primary key or replica identity, without which a published table
// takes no DELETE; all indexes of partitioned tables; and what rehome could not judge or put back exactly as it was.
func Detachable(ctx context.Context, db DB, tables []string, keep func(table, name string) bool) ([]Part, error) {
	relations, err := resolve(ctx, db, tables)
	if err != nil {
		return nil, err
	}
	foreign, err := foreignKeys(ctx, db, relations)
	if err != nil {
		return nil, err
	}
	var parts []Part
	var names []uint32
	for _, f := range foreign {
		if !keep(f.Part.Table, f.Part.Name) {
			parts, names = append(parts, f.Part), append(names, f.OID)
		}
	}
	indexes, err := indexes(ctx, db, relations, names)
	if err != nil {
		return nil, err
	}
	for _, p := range indexes {
		if !keep(p.Table, p.Name) {
			parts = append(parts, p)
		}
	}
	return parts, nil
}
