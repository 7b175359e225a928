package mapping

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Fault is one thing that is wrong with a mapping, and where. It never holds a DSN or a value of a row.
type Fault struct {
	Pos
	File    string // name of migration.yaml; may be empty
	Path    string // as in tables[2].columns.kind; empty for the file as a whole
	Message string
	Fix     string // what to write instead; may be empty
}

// String is "file:line:col: path: message (fix)", without the parts that are not known.
func (f Fault) String() string {
	var b strings.Builder
	if f.File != "" {
		b.WriteString(f.File + ":")
	}
	if f.Line > 0 {
		fmt.Fprintf(&b, "%d:%d:", f.Line, f.Col)
	}
	if b.Len() > 0 {
		b.WriteByte(' ')
	}
	if f.Path != "" {
		b.WriteString(f.Path + ": ")
	}
	b.WriteString(f.Message)
	if f.Fix != "" {
		b.WriteString(" (" + f.Fix + ")")
	}
	return b.String()
}

// Faults are all faults of a mapping. It is an error only if it is not empty: return it through Err.
type Faults []Fault

// Add appends a fault.
func (fs *Faults) Add(f Fault) { *fs = append(*fs, f) }

// Err is nil if there are no faults, else fs, sorted.
func (fs Faults) Err() error {
	if len(fs) == 0 {
		return nil
	}
	return fs.Sorted()
}

// Sorted is a copy in the order of the file; faults without a place come first.
func (fs Faults) Sorted() Faults {
	sorted := slices.Clone(fs)
	slices.SortStableFunc(sorted, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col))
	})
	return sorted
}

// Error is one line per fault, in the order of the file.
func (fs Faults) Error() string {
	lines := make([]string, 0, len(fs))
	for _, f := range fs.Sorted() {
		lines = append(lines, f.String())
	}
	return strings.Join(lines, "\n")
}
