package throttle

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"rehome/pkg/mapping"
)

// The names of the limits, as an operator types them.
const (
	Rows           = "rows"
	Slots          = "slots"
	Lag            = "lag"
	Threads        = "threads"
	ReplicationLag = "replication_lag"
	Backends       = "backends"
)

// off takes a limit away.
const off = "off"

// A limit is one of the Limits: what it is called, where it stands, and how it is shown.
type limit struct {
	name    string
	what    string            // is limited, for a person
	example string            // as it is typed
	at      func(*Limits) any // points at it: an *int64, *int or *time.Duration
	load    func(Load) int64  // what is measured of it; nil where nothing is
	short   string            // what is measured, behind a count or before a duration
}

// table has the limits in the order in which they are shown.
var table = []limit{
	{name: Rows, what: "rows read per second, by all workers", example: "rows=5000", at: func(l *Limits) any { return &l.Rows }},
	{name: Slots, what: "shards in work at the same time", example: "slots=8", at: func(l *Limits) any { return &l.Slots }},
	{name: Lag, what: "lag of the legacy server's replica", example: "lag=2s", at: func(l *Limits) any { return &l.Lag },
		load: func(l Load) int64 { return int64(l.Lag) }, short: "replica lag"},
	{name: Threads, what: "threads running in the legacy server", example: "threads=40", at: func(l *Limits) any { return &l.Threads },
		load: func(l Load) int64 { return int64(l.Threads) }, short: "threads running in the legacy server"},
	{name: ReplicationLag, what: "lag of the target's standbys", example: "replication_lag=5s", at: func(l *Limits) any { return &l.ReplicationLag },
		load: func(l Load) int64 { return int64(l.ReplicationLag) }, short: "standby lag"},
	{name: Backends, what: "backends active in the target server, our own among them", example: "backends=30", at: func(l *Limits) any { return &l.Backends },
		load: func(l Load) int64 { return int64(l.Backends) }, short: "backends active in the target server"},
}

// leastSpan is the least that a lag can be limited to: servers tell it in whole seconds, and it is measured once in one.
const leastSpan = time.Second

// value returns the limit in l, 0 where there is none.
func (t *limit) value(l Limits) int64 {
	switch at := t.at(&l).(type) {
	case *int:
		return int64(*at)
	case *time.Duration:
		return int64(*at)
	case *int64:
		return *at
	}
	return 0
}

func (t *limit) put(l *Limits, value int64) {
	switch at := t.at(l).(type) {
	case *int:
		*at = int(value)
	case *time.Duration:
		*at = time.Duration(value)
	case *int64:
		*at = value
	}
}

// span reports whether the limit is a duration.
func (t *limit) span() bool {
	_, is := t.at(new(Limits)).(*time.Duration)
	return is
}

// Names returns the names of all limits.
func Names() []string {
	names := make([]string, len(table))
	for i, t := range table {
		names[i] = t.name
	}
	return names
}

// A Fault is an argument that says no limit, and why.
type Fault struct{ Argument, Problem string }

// Faults are all of the arguments that are wrong.
type Faults []Fault

// Error has a line for each.
func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, fault := range f {
		lines[i] = fault.Argument + ": " + fault.Problem
	}
	return strings.Join(lines, "\n")
}

// Parse returns the limits that old and the arguments, each NAME=VALUE, make together: rows=5000 slots=8 lag=2s threads=40
// replication_lag=5s backends=30. NAME=off takes one away; one that is not named stays. The error is a Faults with all that is wrong.
func Parse(args []string, old Limits) (Limits, error) {
	var faults Faults
	named := map[string]bool{}
	for _, arg := range args {
		name, text, found := strings.Cut(arg, "=")
		problem := ""
		i := slices.IndexFunc(table, func(t limit) bool { return t.name == name })
		switch {
		case i < 0:
			problem = unknown(name, found)
		case !found || text == "":
			problem = "says no value: write it as in " + table[i].example + ", or " + name + "=off"
		case named[name]:
			problem = "is given twice"
		case text == off:
			table[i].put(&old, 0)
		default:
			var value int64
			value, problem = table[i].read(text)
			table[i].put(&old, value)
		}
		named[name] = true
		if problem != "" {
			faults = append(faults, Fault{arg, problem})
		}
	}
	if len(faults) > 0 {
		return Limits{}, faults
	}
	return old, nil
}

func unknown(name string, found bool) string {
	if !found {
		if _, err := whole(name); err == nil {
			return "does not say what it limits: write rows=" + name
		}
	}
	if near := mapping.Suggest(name, Names()); near != "" {
		return "there is no limit " + name + "; did you mean " + near + "?"
	}
	return fmt.Sprintf("there is no limit %.40s; there are %s", name, strings.Join(Names(), ", "))
}

// read returns the value that the text says, or what is wrong with it.
func (t *limit) read(text string) (value int64, problem string) {
	n, err := whole(text)
	if t.span() {
		d, wrong := time.ParseDuration(text)
		switch {
		case wrong != nil && err == nil && n > 0:
			return 0, "has no unit: write " + t.name + "=" + text + "s for seconds"
		case wrong == nil && d > 0 && d < leastSpan:
			return 0, fmt.Sprintf("is less than can be told: write %s or more", leastSpan)
		case wrong == nil:
			n, err = int64(d), nil
		}
	}
	switch {
	case err == nil && n <= 0:
		return 0, "would let nothing go on: producer pause does that, and " + t.name + "=off takes the limit away"
	case err != nil || !t.span() && n > math.MaxInt32:
		return 0, "is not understood: write it as in " + t.example + ", or " + t.name + "=off"
	}
	return n, ""
}

// wholeNumber has its thousands together, or set off in threes: 1,5 is no number, as somebody may mean one and a half by it.
var wholeNumber = regexp.MustCompile(`^([0-9]+|[0-9]{1,3}(,[0-9]{3})+|[0-9]{1,3}(_[0-9]{3})+)$`)

func whole(text string) (int64, error) {
	if !wholeNumber.MatchString(text) {
		return 0, fmt.Errorf("%.20q is no whole number", text)
	}
	return strconv.ParseInt(strings.NewReplacer(",", "", "_", "").Replace(text), 10, 64)
}
