package mapping

// Column feeds one column of the target table. Exactly one of SQL, UUID and Const is not nil. A plain expression and
// {sql: EXPR} are the same column.
type Column struct {
	Name  string     `json:"name"`
	SQL   *SQLColumn `json:"sql,omitempty"`
	UUID  *UUID      `json:"uuid,omitempty"`
	Const *Word      `json:"const,omitempty"`
	Pos   Pos        `json:"-"`
}

// SQLColumn is a value that the legacy database computes, and the rules that are applied to it in Go.
type SQLColumn struct {
	Expr Expr `json:"expr"`
	Rules
}

// Rules change a value, in the order of the fields. A nil Values maps nothing; a nil IfNull leaves NULL as it is.
type Rules struct {
	Steps     []Step    `json:"steps,omitempty"`
	Values    []Value   `json:"values,omitempty"`
	Otherwise Otherwise `json:"otherwise,omitzero"` // set if and only if Values is
	IfNull    *Word     `json:"if_null,omitempty"`
	Policies  Policies  `json:"policies,omitzero"`
}

// Step is one step with its arguments: {date: [A, B]} is date with A and B, trim has none, dated has other steps.
type Step struct {
	Name  string   `json:"name"`
	Args  []string `json:"args,omitempty"`
	Dated *Dated   `json:"dated,omitempty"`
	Pos   Pos      `json:"-"`
}

// Dated is what a dated step does: Then with a value of a row whose date By is before Before, Else with that of any other. A row without
// such a date is refused, unless its value is NULL.
type Dated struct {
	By     Expr   `json:"by"`
	Before Word   `json:"before"` // YYYY-MM-DD, or YYYY-MM-DD HH:MM:SS
	Then   []Step `json:"then,omitempty"`
	Else   []Step `json:"else,omitempty"`
	Pos    Pos    `json:"-"`
}

// Value is one line of a total map of old to new.
type Value struct {
	From string `json:"from"`
	To   string `json:"to"`
	Pos  Pos    `json:"-"`
}

// Otherwise says what becomes of a value that Values does not name. To is the new value where Do is OtherwiseTo.
type Otherwise struct {
	Do  OtherwiseDo `json:"do"`
	To  string      `json:"to,omitempty"`
	Pos Pos         `json:"-"`
}

// OtherwiseDo is the word of an Otherwise.
type OtherwiseDo string

// The words of otherwise.
const (
	OtherwiseReject OtherwiseDo = "reject"
	OtherwiseKeep   OtherwiseDo = "keep"
	OtherwiseToNull OtherwiseDo = "to_null"
	OtherwiseTo     OtherwiseDo = "to"
)

// UUID is a key or a reference that any worker can compute from the legacy key Of.
type UUID struct {
	Entity  Word    `json:"entity"`
	Of      []Expr  `json:"of"`
	Missing Missing `json:"missing"` // never empty
	Pos     Pos     `json:"-"`
}

// Missing says what becomes of a reference to a row that will not arrive.
type Missing string

// The words of missing.
const (
	MissingWait   Missing = "wait"
	MissingToNull Missing = "to_null"
	MissingLeave  Missing = "leave"
)
