package mapping

import (
	"slices"

	"rehome/pkg/keyspace"
	"rehome/pkg/value"
)

// A Compiled is a mapping that fits both catalogs, ready to be run. It is immutable; any number of goroutines may use it.
type Compiled struct {
	File        *File
	Hash        string // of the mapping's meaning, see Hash
	Fingerprint string // of both schemas as far as the mapping uses them
	Keys        Keyspace
	Plans       []*RowPlan // one for each of File.Tables, in that order, and behind them one for the attribute table of each that has a gather
}

// Fed returns the target's tables that the mapping feeds, schema.table, each once.
func (c *Compiled) Fed() []string {
	var tables []string
	for _, plan := range c.Plans {
		if !slices.Contains(tables, plan.Into) {
			tables = append(tables, plan.Into)
		}
	}
	return tables
}

// A Keyspace is where the users' keys come from, which is what is split into shards.
type Keyspace struct {
	From  string          // what follows FROM
	Key   string          // SQL expression of the key
	Kinds []keyspace.Kind // of the key's columns; one for now
	Table string          // the base table that From begins with
}

// A RowPlan is one entry of the mapping's tables, compiled: what to read of the legacy database, and how a row that was read
// becomes a row of the target.
type RowPlan struct {
	Ordinal int    // position in Compiled.Plans
	Into    string // schema.table
	Target  *TargetTable

	From        string          // what follows FROM
	Source      string          // the base table that is the row source
	SourceName  string          // the name by which From knows it: its alias, or the table itself
	Joined      bool            // From has more tables than the row source
	SourceKey   []string        // the row source's primary key, as quoted expressions in From
	SourceKinds []keyspace.Kind // of SourceKey
	User        string          // SQL expression of the user that a row belongs to; empty for an entry with a key of its own
	Key         []string        // SQL expressions of the entry's own key; nil for an entry of users
	KeyKinds    []keyspace.Kind // of Key
	Where       string          // empty for none
	Many        bool            // the join may make several rows of one
	Unowned     Unowned         // what becomes of rows whose user is NULL or not in the keyspace
	Select      []string        // SQL expressions to read for each row
	Linked      bool            // User and the users' key are integer columns that indexes begin with, so that either finds the other
	Bare        bool            // what the mapping says is read of a row are columns of the row source as they are stored, which cannot fail

	Columns    []FedColumn // the target's fed columns, in the order of COPY
	KeyColumns []int       // positions in Columns of the read-back key: the primary key, or another fed unique key
	KeyName    string      // name of that key's constraint or index

	Defaulted []TargetColumn // the target's columns that nothing feeds and that are to be as they arrive: their constant default, or NULL

	Gather     *GatherPlan // how attributes become further cells of its rows; nil where there are none
	GatheredBy *RowPlan    // of an attribute table: whose rows its own go into, as it feeds no column by itself; else nil
}

// Filters reports whether the mapping leaves rows of the row source out by a condition.
func (p *RowPlan) Filters() bool {
	if p.GatheredBy != nil {
		return p.GatheredBy.Where != ""
	}
	return p.Where != ""
}

// OfUsers reports whether the rows belong to users; otherwise the entry is split by a key of its own.
func (p *RowPlan) OfUsers() bool { return p.User != "" }

// A FedColumn is a column of the target that a mapping feeds.
type FedColumn struct {
	Name   string
	Type   value.TargetType
	Origin Origin

	notNull bool
	rules   []string  // names of the rules that may change it
	loses   value.Hit // those of them that lose something
	keeps   bool      // originals of what they change
	build   builder
}
