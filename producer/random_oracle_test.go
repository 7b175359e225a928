package main_test

import (
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"
)

// The fates of a row.
const (
	hasArrived = "written"
	isSetAside = "set aside"
	itWaits    = "waiting"
	isLeftOut  = "left out"
)

// mostRefusals is how many offending rows of one user are noted.
const mostRefusals = 10

// An oracle knows what has to become of a population. It works on the rows as they were made, and shares nothing with what it judges.
type oracle struct {
	*population
	out      map[*record]bool // users who are quarantined
	causes   map[string]met   // without those of rows that wait
	early    map[string]int64 // rows that wait from the first, by cause
	gathered map[string]int64 // attributes by fate; hasArrived is gathered
	rules    map[string]int64 // TABLE.COLUMN RULE
	changed  map[string]int64 // rows by table
}

func foretell(p *population) *oracle {
	o := &oracle{population: p, out: map[*record]bool{}, causes: map[string]met{}, early: map[string]int64{},
		gathered: map[string]int64{}, rules: map[string]int64{}, changed: map[string]int64{}}
	for _, user := range p.relations[0].records {
		o.unit(o.rowsOf(user), user)
	}
	for _, r := range p.relations[1:] {
		for _, row := range r.records {
			if row.owner.to == nil {
				o.unit([]*record{row}, nil)
			}
		}
	}
	o.each(func(row *record) {
		if row.fate == itWaits {
			o.early[row.cause]++
		}
		if row.fate != hasArrived {
			return
		}
		if len(row.rules) > 0 {
			o.changed[row.in.name]++
		}
		for _, rule := range row.rules {
			o.rules["app."+row.in.name+"."+rule]++
		}
	})
	o.collide()
	o.orphans()
	o.attributes()
	return o
}

func (o *oracle) each(do func(*record)) {
	for _, r := range o.relations {
		for _, row := range r.records {
			do(row)
		}
	}
}

// rowsOf returns the user's rows in the order in which they are read.
func (o *oracle) rowsOf(user *record) []*record {
	rows := []*record{user}
	for _, r := range o.relations[1:] {
		for _, row := range r.records {
			if row.owner.to == user {
				rows = append(rows, row)
			}
		}
	}
	return rows
}

// unit judges rows that arrive together or not at all.
func (o *oracle) unit(rows []*record, user *record) {
	var refused []*record
	for _, row := range rows {
		if row.fate, row.cause = o.judge(row); row.fate == isSetAside {
			refused = append(refused, row)
		}
	}
	for i, row := range refused[:min(len(refused), mostRefusals)] {
		m := o.causes[row.cause]
		m.Rows++
		if i == 0 && user != nil {
			m.Users++
		}
		o.causes[row.cause] = m
	}
	if len(refused) == 0 {
		return
	}
	if user != nil {
		o.out[user] = true
	}
	for _, row := range rows {
		if row.kept {
			row.fate = isSetAside
		}
	}
}

// judge tells what becomes of a row by itself.
func (o *oracle) judge(row *record) (fate, cause string) {
	r := row.in
	alone := !r.ofUsers() && row.owner.to == nil
	switch {
	case !row.kept:
		return isLeftOut, ""
	case alone && r.unowned == "leave":
		return isLeftOut, ""
	case alone && r.unowned == "reject":
		return isSetAside, "unowned:app." + r.name
	}
	if cause := o.ungathered(row); cause != "" {
		return isSetAside, cause
	}
	row.shows = nil
	for i, part := range r.parts {
		cell, at := row.cells[i], "app."+r.name+"."+part.name
		if part.to != nil {
			cell = row.reference(part, row.links[i])
		}
		shows, rules, _ := strings.Cut(cell.out, " <- ")
		switch {
		case shows == "!wait":
			return itWaits, "waits:" + at
		case shows == "!leave":
			return isLeftOut, ""
		case strings.HasPrefix(shows, "!"):
			return isSetAside, shows[1:] + ":" + at
		}
		row.shows = append(row.shows, shows)
		for _, rule := range strings.Fields(rules) {
			row.rules = append(row.rules, part.name+" "+rule)
		}
	}
	return o.nick(row)
}

// reference is what becomes of a mention.
func (r *record) reference(p *part, l mention) arrival {
	switch {
	case l.literal == "NULL":
		return null
	case l.to != nil && l.to.carries():
		return arrival{out: identifier(p.of, l.to.key)}
	case p.keep == "to_null":
		return changed("", "<null>", "missing")
	}
	return arrival{out: "!" + p.keep}
}

// carries reports whether no rule leaves the row out. Of references to rows of the same table nobody asks.
func (r *record) carries() bool {
	if !r.kept || r.in.unowned == "leave" && r.owner.to == nil {
		return false
	}
	for i, p := range r.in.parts {
		if l := r.links[i]; p.to != nil && p.to != r.in && p.keep == "leave" && l.literal != "NULL" && (l.to == nil || !l.to.carries()) {
			return false
		}
	}
	return true
}

func identifier(entity, key string) string {
	return uuid.NewSHA1(uuid.NewSHA1(uuid.NameSpaceOID, []byte("rehome:lab:"+entity)), []byte(key)).String()
}

// collide quarantines all who share what has to be unique.
func (o *oracle) collide() {
	users := o.relations[0]
	at := slices.IndexFunc(users.parts, func(p *part) bool { return p.unique })
	if at < 0 {
		return
	}
	groups := map[string][]*record{}
	for _, row := range users.records {
		if row.fate == hasArrived && row.shows[at] != "<null>" {
			groups[row.shows[at]] = append(groups[row.shows[at]], row)
		}
	}
	for _, group := range groups {
		if len(group) < 2 {
			continue
		}
		cause := "unique:app.users.users_mail_key"
		n, m := int64(len(group)), o.causes[cause]
		o.causes[cause] = met{m.Rows + n, m.Users + n}
		for _, user := range group {
			o.out[user] = true
			for _, row := range o.rowsOf(user) {
				if row.kept {
					row.fate = isSetAside
				}
			}
		}
	}
}

// orphans lets rows wait whose foreign keys have nothing to refer to, until none is left.
func (o *oracle) orphans() {
	for again := true; again; {
		again = false
		o.each(func(row *record) {
			for i, p := range row.in.parts {
				if to := row.links[i].to; row.fate == hasArrived && p.fk && row.shows[i] != "<null>" && to.fate != hasArrived {
					row.fate, again = itWaits, true
				}
			}
		})
	}
}

// sums counts the rows of a table by what became of them.
func (o *oracle) sums(r *relation) map[string]int64 {
	out := map[string]int64{}
	for _, row := range r.records {
		out[row.fate]++
	}
	return out
}

// ungathered is why the attributes of a user cannot be gathered.
func (o *oracle) ungathered(row *record) string {
	met := map[string]bool{}
	for _, a := range row.attrs {
		switch column := attributeColumn(a.name); {
		case column == "":
			return "gather:app.users"
		case column == "leave":
		case met[*a.name] && o.attrs.many == "reject":
			return "gather:app.users." + column
		default:
			met[*a.name] = true
		}
	}
	return ""
}

// attributeColumn is where an attribute goes: a column, leave, or nowhere.
func attributeColumn(name *string) string {
	switch {
	case name == nil:
		return ""
	case *name == "nick", *name == "level":
		return *name
	case *name == "token":
		return "leave"
	case strings.HasPrefix(*name, "wp_"):
		return "settings"
	}
	return ""
}

// attribute returns the value that the user's attributes of one name make.
func (o *oracle) attribute(row *record, name string) (value *string, there bool) {
	for _, a := range row.attrs {
		if a.name != nil && *a.name == name && (!there || o.attrs.many == "last") {
			value, there = a.value, true
		}
	}
	return value, there
}

// nick is the one gathered column that has rules.
func (o *oracle) nick(row *record) (fate, cause string) {
	value, _ := o.attribute(row, "nick")
	if value == nil {
		return hasArrived, ""
	}
	trimmed := strings.Trim(*value, " \t\n\u00a0\u2028")
	if len([]rune(trimmed)) > 6 {
		return isSetAside, "too_long:app.users.nick"
	}
	if trimmed != *value {
		row.rules = append(row.rules, "nick trim")
	}
	return hasArrived, ""
}

// attributes counts what becomes of the attributes: they share the fate of their user's row.
func (o *oracle) attributes() {
	if o.attrs == nil {
		return
	}
	for range o.attrs.homeless {
		if o.attrs.unknown == "leave" {
			o.gathered[isLeftOut]++
			continue
		}
		o.gathered[isSetAside]++
		m := o.causes["unowned:app.users"]
		o.causes["unowned:app.users"] = met{m.Rows + 1, m.Users}
	}
	for _, row := range o.relations[0].records {
		met := map[string]bool{}
		for _, a := range row.attrs {
			fate := row.fate
			switch {
			case fate == itWaits:
				fate = isSetAside
			case fate == hasArrived && (*a.name == "token" || met[*a.name]):
				fate = isLeftOut
			case fate == hasArrived:
				met[*a.name] = true
			}
			o.gathered[fate]++
		}
	}
}

// gathers returns what the gathered columns of the user show: nick, level and, in order, what is kept.
func (o *oracle) gathers(row *record) []string {
	if o.attrs == nil || !row.in.ofUsers() {
		return nil
	}
	show := func(value *string) string {
		if value == nil {
			return "<null>"
		}
		return *value
	}
	nick, _ := o.attribute(row, "nick")
	if nick != nil {
		nick = new(strings.Trim(*nick, " \t\n\u00a0\u2028"))
	}
	level, _ := o.attribute(row, "level")
	out := []string{show(nick), show(level)}
	var kept []string
	for _, name := range attributeNames {
		if value, there := o.attribute(row, name); there && attributeColumn(&name) == "settings" {
			kept = append(kept, fmt.Sprintf("%q=%q", name, show(value)))
		}
	}
	return append(out, strings.Join(kept, " "))
}
