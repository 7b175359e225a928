package mapping

import (
	"slices"
	"strings"
)

// A Mend is one place at which a mapping gives an outcome to what an earlier one rejected, or let wait.
type Mend struct {
	Kind   string // the first half of the causes that it is about
	Entry  int    // position in the mapping's tables; -1 for all of them
	Column string // of the target; empty where whole rows are concerned, or more than one column
	Silent bool   // the earlier mapping said nothing where a text, or json, can hold what the policy is about, so that it may have arrived
}

// Mends compares the mapping that a migration has run with so far with another. The mends are all differences that change nothing of
// what has arrived by the first; other lists, as Changes does, each difference of which that cannot be said: a migration cannot go on
// with the new mapping while there is one. Differences without an effect are in neither. What only the types of the columns can
// tell, Harms does.
func Mends(old, now *File) (mends []Mend, other []string) {
	m := mending{old: flat(old), now: flat(now)}
	m.file()
	return m.mends, Changes(m.old, m.now)
}

// flat returns a copy of the file in which each column has the policies that hold for it, and nothing else has any.
func flat(f *File) *File {
	flat, err := Decode(Canonical(f))
	if err != nil {
		panic(err) // Canonical writes what Decode reads
	}
	for i := range flat.Tables {
		e := &flat.Tables[i]
		wider := e.Policies.Or(flat.Policies)
		for _, rules := range e.rules() {
			rules.Policies = rules.Policies.Or(wider)
		}
		e.Policies = Policies{}
	}
	flat.Policies = Policies{}
	return flat
}

// rules returns the rules of the entry's columns, of those that have some or take the entry's policies, in the order of the file.
func (e *Entry) rules() (all []*Rules) {
	for i := range e.Columns {
		if e.Columns[i].SQL != nil {
			all = append(all, &e.Columns[i].SQL.Rules)
		}
	}
	if e.Gather != nil {
		for i := range e.Gather.Columns {
			all = append(all, &e.Gather.Columns[i].Rules)
		}
		if e.Gather.Keep != nil {
			all = append(all, &e.Gather.Keep.Rules)
		}
	}
	return all
}

// A mending takes each mend that it finds over from the new mapping into the old one: what is left is no mend.
type mending struct {
	old, now *File
	mends    []Mend
}

func (m *mending) found(kind string, entry int, column string) {
	m.mends = append(m.mends, Mend{Kind: kind, Entry: entry, Column: column})
}

func (m *mending) file() {
	if m.now.MaxRowBytes > m.old.MaxRowBytes {
		m.found("row_too_wide", -1, "")
		m.old.MaxRowBytes = m.now.MaxRowBytes
	}
	for i := range min(len(m.old.Tables), len(m.now.Tables)) {
		old, now := &m.old.Tables[i], &m.now.Tables[i]
		if old.Into == now.Into && old.From == now.From {
			m.entry(i, old, now)
		}
	}
}

func (m *mending) entry(i int, old, now *Entry) {
	if old.Unowned == UnownedReject && now.Unowned != UnownedReject {
		m.found("unowned", i, "")
		old.Unowned = now.Unowned
	}
	for j := range min(len(old.Columns), len(now.Columns)) {
		m.column(i, &old.Columns[j], &now.Columns[j])
	}
	if old.Gather != nil && now.Gather != nil {
		m.gather(i, old.Gather, now.Gather)
	}
}

func (m *mending) column(entry int, old, now *Column) {
	switch {
	case old.Name != now.Name:
	case old.SQL != nil && now.SQL != nil:
		m.rules(entry, old.Name, &old.SQL.Rules, &now.SQL.Rules)
	case old.UUID != nil && now.UUID != nil && old.UUID.Missing == MissingWait && now.UUID.Missing != MissingWait:
		m.found("waits", entry, old.Name)
		old.UUID.Missing = now.UUID.Missing
	}
}

func (m *mending) rules(entry int, column string, old, now *Rules) {
	bare := old.bare()
	m.steps(entry, column, old.Steps, now.Steps)
	m.values(entry, column, old, now)
	if old.IfNull == nil && now.IfNull != nil {
		m.found("not_null", entry, column)
		old.IfNull = now.IfNull
	}
	m.policies(entry, column, &old.Policies, &now.Policies)
	if keeps := old.Policies.KeepOriginals; bare && (keeps == nil || !*keeps) { // then no value that arrived has an original
		old.Policies.KeepOriginals = now.Policies.KeepOriginals
	}
}

// bare reports whether no rule changes a value.
func (r *Rules) bare() bool {
	return len(r.Steps) == 0 && r.Values == nil && r.IfNull == nil &&
		!slices.ContainsFunc(r.Policies.named(), func(p named) bool { return !p.rejects() })
}

// values takes what a total map says of values that it rejected.
func (m *mending) values(entry int, column string, old, now *Rules) {
	if old.Values == nil || now.Values == nil || old.Otherwise.Do != OtherwiseReject {
		return
	}
	was := map[string]Value{}
	for _, v := range old.Values {
		was[v.From] = v
	}
	var more []Value
	for _, v := range now.Values {
		if _, listed := was[v.From]; !listed {
			more = append(more, v)
		}
	}
	if len(more) == 0 && now.Otherwise.Do == OtherwiseReject {
		return
	}
	m.found("values", entry, column)
	old.Values = append(old.Values, more...)
	slices.SortFunc(old.Values, func(a, b Value) int { return strings.Compare(a.From, b.From) })
	old.Otherwise = now.Otherwise
}

// A named policy is one with the name that it has in the file, and in causes.
type named struct {
	*Policy
	name  string
	heard bool // a text, or json, can hold what it is about, and does unless the mapping says reject
}

func (p named) rejects() bool { return p.Do == "" || p.Do == PolicyReject }

// named returns all policies. The flag that goes with them is none.
func (p *Policies) named() []named {
	return []named{
		{&p.ZeroDate, "zero_date", true}, {&p.PartialDate, "partial_date", true}, {&p.NulByte, "nul_byte", false}, {&p.BadText, "bad_text", false},
		{&p.OutOfRange, "out_of_range", false}, {&p.TooLong, "too_long", false}, {&p.JSONNul, "json_nul", true},
		{&p.JSONDuplicate, "json_duplicate", false}, {&p.DSTGap, "dst_gap", false}, {&p.DSTOverlap, "dst_overlap", false},
	}
}

func (m *mending) policies(entry int, column string, old, now *Policies) {
	after := now.named()
	for i, p := range old.named() {
		q := after[i]
		if !p.rejects() || p.Do == q.Do || p.heard && q.Do == PolicyReject {
			continue
		}
		if p.heard || !q.rejects() {
			m.mends = append(m.mends, Mend{Kind: p.name, Entry: entry, Column: column, Silent: p.heard && p.Do == ""})
		}
		*p.Policy = *q.Policy
	}
}
