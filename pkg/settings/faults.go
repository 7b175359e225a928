package settings

import (
	"fmt"
	"strings"
)

// Fault is one setting that is wrong.
type Fault struct {
	Name    string // the flag or variable, as the operator wrote it
	Problem string // what is wrong and what to do; holds no secret
}

// Faults are all settings that are wrong, in the order in which a command asks for them.
type Faults []Fault

// Error lists every fault on a line of its own.
func (f Faults) Error() string {
	var b strings.Builder
	switch len(f) {
	case 1:
		b.WriteString("a setting is wrong:")
	default:
		fmt.Fprintf(&b, "%d settings are wrong:", len(f))
	}
	for _, fault := range f {
		fmt.Fprintf(&b, "\n  %s: %s", fault.Name, fault.Problem)
	}
	return b.String()
}

// quote shows a wrong value, unless it looks like a secret that went into the wrong setting.
func quote(text string) string {
	if len(text) > 32 || strings.ContainsAny(text, "@:") {
		return "the value"
	}
	return fmt.Sprintf("%q", text)
}
