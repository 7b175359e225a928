// Package mapping is migration.yaml: what one migration says, read strictly, and compiled against the catalogs of both
// databases into row plans. It opens no file and no connection, and it converts no value.
package mapping

// Defaults of keys that a file may leave out. Parse fills them in, so that saying a default and not saying it are the
// same mapping.
const (
	DefaultShardRows   = 20_000
	DefaultMaxRowBytes = 64 << 20
	DefaultQuarantined = 5.0
	DefaultWave        = "all"
)

// Pos is a place in migration.yaml; line and column count from 1. The zero Pos is "no place known", as in a File that
// came out of the ledger.
type Pos struct {
	Line, Col int
}

// Word is a scalar as it is written in the file (007, 1.10, true and no are text).
type Word struct {
	Text string `json:"text"`
	Pos  Pos    `json:"-"`
}

// String is the text of the word.
func (w Word) String() string { return w.Text }

// Expr is a piece of the operator's own SQL, for the legacy database to evaluate. It cannot end the statement or the
// expression that it is put into: quotes and parentheses are balanced, and it holds no comment and no semicolon.
type Expr struct {
	SQL string `json:"sql"`
	Pos Pos    `json:"-"`
}

// File is the whole of migration.yaml. Lists keep the order of the file where the order means something (waves, tables,
// columns, steps), and are sorted by name where the file has a map (ignore, joins, triggers, values), or a list that has none (ordered_uuids).
type File struct {
	Source    string `json:"-"` // the file's name, for faults; empty when it came out of the ledger
	Name      Word   `json:"name"`
	Namespace Word   `json:"namespace"` // of the uuids; never empty, it is Name unless the file says otherwise

	Legacy Legacy `json:"-"`
	Target Target `json:"-"`

	Users     Users  `json:"users"`
	Waves     []Wave `json:"waves"` // never empty; the last one has no condition
	WavesLive bool   `json:"waves_live,omitzero"`

	Tables      []Entry  `json:"tables"`
	Ordered     []Word   `json:"ordered_uuids,omitempty"` // entities whose uuids sort as their integer keys do, by name
	Ignore      []Reason `json:"ignore,omitempty"`        // legacy tables that are left where they are
	Policies    Policies `json:"policies,omitzero"`
	Stop        Stop     `json:"-"` // when to give up; raising it is no change of meaning
	MaxRowBytes int64    `json:"max_row_bytes"`
}

// Legacy says where the users come from. It is neither in the hash nor in the ledger.
type Legacy struct {
	DSN            DSN
	TimeZone       Word // IANA name; empty if the file does not say it
	AcceptUnproved Word // why an unproved source is good enough; empty: it is not
	Pos            Pos
}

// Target says where the users go. It is neither in the hash nor in the ledger.
type Target struct {
	DSN      DSN
	Database Word // the name that the database must have; empty: any
	Pos      Pos
}

// Users is the keyspace that is split into shards.
type Users struct {
	From      Expr   `json:"from"`
	Key       []Expr `json:"key"`
	ShardRows int    `json:"shard_rows"` // a shard's weight in rows; 0 is "auto"
	Pos       Pos    `json:"-"`
}

// Wave is a cohort: it takes whom its condition matches and no earlier wave took. Where is nil in the last wave only.
type Wave struct {
	Name  Word  `json:"name"`
	Where *Expr `json:"where,omitempty"`
	Gate  *Gate `json:"-"` // nil where the file does not say it, and in the last wave; to change it is no change of meaning
	Pos   Pos   `json:"-"`
}

// Gate is what has to hold of a wave before the next one is published.
type Gate struct {
	Quarantined float64 // per cent of the wave's users tried, 0 to 100
	Pos         Pos
}

// Stop is when a run gives up by itself.
type Stop struct {
	Quarantined float64 `json:"quarantined"` // per cent of the users tried, 0 to 100
	Pos         Pos     `json:"-"`
}

// Reason is a name with a word why, as in ignore.
type Reason struct {
	Name string `json:"name"`
	Why  string `json:"why"`
	Pos  Pos    `json:"-"`
}
