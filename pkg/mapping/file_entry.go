package mapping

// Entry feeds one target table from one legacy row source. Exactly one of User and Key is given.
type Entry struct {
	Into    Word     `json:"into"`
	From    Expr     `json:"from"` // what may follow FROM; its first table is the row source
	User    []Expr   `json:"user,omitempty"`
	Key     []Expr   `json:"key,omitempty"`
	Where   *Expr    `json:"where,omitempty"`
	Rest    Rest     `json:"rest,omitempty"`
	Joins   []Join   `json:"joins,omitempty"`
	Many    bool     `json:"many,omitzero"` // a join may make several rows of one
	Unowned Unowned  `json:"unowned"`       // never empty
	Gather  *Gather  `json:"gather,omitempty"`
	Columns []Column `json:"columns"`

	Ignore          []Reason `json:"ignore,omitempty"` // legacy columns that nothing reads
	WrittenByTarget []Word   `json:"written_by_target,omitempty"`
	Triggers        []Fire   `json:"triggers,omitempty"`
	Scan            Scan     `json:"scan,omitempty"`
	Policies        Policies `json:"policies,omitzero"`
	Pos             Pos      `json:"-"`
}

// Rest says what becomes of rows that every entry of a row source leaves out.
type Rest string

// RestLeave leaves them; without it they are unexplained.
const RestLeave Rest = "leave"

// Unowned says what becomes of a row whose user is NULL or is not in users.from.
type Unowned string

// The words of unowned.
const (
	UnownedReject  Unowned = "reject"
	UnownedLeave   Unowned = "leave"
	UnownedMigrate Unowned = "migrate"
)

// Scan says whether a table may be scanned by every shard.
type Scan string

// ScanAccepted allows a user column without an index.
const ScanAccepted Scan = "accepted"

// Join declares a further table of an entry's from.
type Join struct {
	Table string  `json:"table"`
	Use   JoinUse `json:"use"`
	Pos   Pos     `json:"-"`
}

// JoinUse says how the rows of a joined table are accounted for.
type JoinUse string

// Of JoinEach every row must be used once; of JoinLookup any number of times.
const (
	JoinEach   JoinUse = "each"
	JoinLookup JoinUse = "lookup"
)

// Fire is a trigger of the fed table that may fire.
type Fire struct {
	Name string `json:"name"`
	Pos  Pos    `json:"-"`
}

// Gather makes columns, or one jsonb, of an attribute table's rows.
type Gather struct {
	From    Expr           `json:"from"`
	User    []Expr         `json:"user"`
	Name    Expr           `json:"name"`
	Value   Expr           `json:"value"`
	Columns []GatherColumn `json:"columns,omitempty"`
	Keep    *Keep          `json:"keep,omitempty"`
	Leave   []Reason       `json:"leave,omitempty"` // attribute names
	Many    GatherMany     `json:"many"`            // never empty
	Pos     Pos            `json:"-"`
}

// GatherColumn fills the target column Name from the attribute Of.
type GatherColumn struct {
	Name string `json:"name"`
	Of   Word   `json:"of"`
	Rules
	Pos Pos `json:"-"`
}

// Keep collects attributes, by LIKE patterns of their names, in one jsonb column.
type Keep struct {
	Into  Word   `json:"into"`
	Like  []Word `json:"like"`
	Rules Rules  `json:"rules,omitzero"` // never in a file: what its entry's and its own policies come to, where mappings are compared
	Pos   Pos    `json:"-"`
}

// GatherMany says what becomes of a second attribute with the same name.
type GatherMany string

// The words of many in a gather.
const (
	ManyReject GatherMany = "reject"
	ManyFirst  GatherMany = "first"
	ManyLast   GatherMany = "last"
	ManyArray  GatherMany = "array"
)
