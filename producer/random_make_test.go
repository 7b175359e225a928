package main_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// A population is a migration that chance has made: both schemas, the mapping, and the rows.
type population struct {
	*rand.Rand
	keys      keyKind
	relations []*relation // users first
	attrs     *attributes // of the users, or nil
	waves     bool
	shardRows int
	oneIn     int // so many values of all are bad: nobody's keys, colliding mails, what no rule allows
	mails     int
}

// A relation is a legacy table that feeds a table of the target.
type relation struct {
	name     string
	id       string // the column of the legacy key
	filtered bool   // where leaves rows out
	unowned  string
	parts    []*part // what feeds the columns, in the order of the mapping
	records  []*record
}

func (r *relation) ofUsers() bool { return r.name == "users" }

// A part is a column of the target: a value, or a reference where to is not nil.
type part struct {
	name   string
	kind   columnKind
	to     *relation
	from   string // the legacy column that holds the key of a reference
	of     string // the entity
	keep   string // missing
	fk     bool
	unique bool
}

// A record is one legacy row.
type record struct {
	in      *relation
	n       int    // legacy key of all but users, and number of these
	key     string // as identifiers are made of it
	literal string // as SQL
	kept    bool   // where takes it
	owner   mention
	note    string
	cells   []arrival // by part; of a reference empty
	links   []mention // by part; of a value empty
	attrs   []attribute

	fate  string
	cause string
	rules []string // that have changed it, COLUMN RULE
	shows []string // what stands in the target, by part
}

// A mention is a legacy key that names a record, or none.
type mention struct {
	to      *record
	literal string
}

// attributes are a table that gather reads.
type attributes struct {
	many     string
	unknown  string // unowned
	homeless []attribute
}

type attribute struct {
	id          int
	user        string // as SQL
	name, value *string
}

// never is how often something is bad in a population in which all is well.
const never = 1 << 60

func newPopulation(seed uint64) *population {
	p := &population{Rand: rand.New(rand.NewPCG(seed, 3))}
	p.keys = pick(p, keyKinds)
	p.shardRows, p.waves, p.oneIn = 5+p.IntN(60), p.toss(2), pick(p, []int{8, 15, 30, never})
	p.relations = append(p.relations, p.relation("users", "user_key"))
	for i := range 1 + p.IntN(3) {
		p.relations = append(p.relations, p.relation(fmt.Sprintf("t%d", i+1), "id"))
	}
	for i, r := range p.relations {
		p.columns(i, r)
	}
	if p.toss(2) {
		p.attrs = &attributes{many: pick(p, []string{"reject", "first", "last"}), unknown: pick(p, []string{"reject", "leave"})}
	}
	p.makeUsers()
	for _, r := range p.relations[1:] {
		p.makeRows(r)
	}
	for _, r := range p.relations {
		for _, row := range r.records {
			p.fill(row)
		}
	}
	return p
}

func pick[T any](p *population, from []T) T { return from[p.IntN(len(from))] }

func (p *population) bad() bool { return p.toss(p.oneIn) }

// toss is true once in so many times.
func (p *population) toss(n int) bool { return p.IntN(n) == 0 }

func (p *population) relation(name, id string) *relation {
	r := &relation{name: name, id: id, filtered: p.toss(3), unowned: pick(p, []string{"reject", "leave", "migrate"})}
	if r.ofUsers() {
		r.unowned = ""
	}
	return r
}

// columns draws what feeds the relation's columns, and shuffles them: the first that ends a row names the cause.
func (p *population) columns(i int, r *relation) {
	ref := func(name, from, of string, to *relation) {
		words := []string{"wait", "to_null", "leave"}
		r.parts = append(r.parts, &part{name: name, from: from, of: of, to: to, keep: pick(p, words), fk: !p.toss(3)})
	}
	if r.ofUsers() && p.toss(2) {
		ref("boss", "boss_key", "user", r)
	}
	if r.ofUsers() && p.toss(2) {
		r.parts = append(r.parts, &part{name: "mail", kind: mailKind, unique: true})
	}
	if !r.ofUsers() && !p.toss(4) {
		ref("author", "user_key", "user", p.relations[0])
	}
	if !r.ofUsers() && p.toss(2) {
		ref("parent", "parent_id", r.name, r)
	}
	if i > 1 && p.toss(2) {
		to := p.relations[1+p.IntN(i-1)]
		ref("link", "link_id", to.name, to)
	}
	for n := range 1 + p.IntN(4) {
		r.parts = append(r.parts, &part{name: fmt.Sprintf("c%d", n), kind: p.kind()})
	}
	p.Shuffle(len(r.parts), func(i, j int) { r.parts[i], r.parts[j] = r.parts[j], r.parts[i] })
}

func (p *population) makeUsers() {
	users := p.relations[0]
	for n := range 15 + p.IntN(50) {
		r := &record{in: users, n: n + 1}
		r.key, r.literal = p.keys.make(p, n)
		users.records = append(users.records, r)
	}
	if p.attrs == nil {
		return
	}
	id := 0
	draw := func(user string, most int) (out []attribute) {
		for _, i := range p.Perm(len(attributeNames))[:p.IntN(most)] {
			id++
			out = append(out, attribute{id, user, p.attributeName(i), p.attributeValue()})
		}
		return out
	}
	for _, r := range users.records {
		r.attrs = draw(p.keys.spell(p, r), len(attributeNames))
	}
	if p.oneIn < never {
		p.attrs.homeless = draw(p.keys.nobody, 4)
	}
}

func (p *population) makeRows(r *relation) {
	users := p.relations[0].records
	for n := range p.IntN(3 * len(users)) {
		row := &record{in: r, n: n + 1, key: fmt.Sprint(n + 1), literal: fmt.Sprint(n + 1)}
		if row.owner.literal = pick(p, []string{"NULL", p.keys.nobody}); !p.bad() {
			row.owner.to = pick(p, users)
			row.owner.literal = p.keys.spell(p, row.owner.to)
		}
		r.records = append(r.records, row)
	}
}

// fill draws what stands in a row, now that all rows are there that it may name.
func (p *population) fill(row *record) {
	row.kept = !row.in.filtered || !p.bad()
	row.note = p.text(12)
	for _, part := range row.in.parts {
		var cell arrival
		var to mention
		switch {
		case part.to == nil:
			cell = part.kind.draw(p)
		case part.from == "user_key":
			to = row.owner
		default:
			to = p.mention(part.to)
		}
		row.cells, row.links = append(row.cells, cell), append(row.links, to)
	}
}

func (p *population) mention(to *relation) mention {
	switch bad := p.bad(); {
	case bad && to.ofUsers():
		return mention{literal: p.keys.nobody}
	case bad:
		return mention{literal: "999999"}
	case p.toss(3) || len(to.records) == 0:
		return mention{literal: "NULL"}
	}
	row := pick(p, to.records)
	if to.ofUsers() {
		return mention{row, p.keys.spell(p, row)}
	}
	return mention{row, row.literal}
}

var hostile = []string{"a", "B", "ß", "Ä", " ", "\t", "\n", "\u00a0", "'", `"`, `\`, "😀", "%", "e\u0301", "{", "\u2028", "$1", "--"}

// text draws a text of so many characters at most.
func (p *population) text(most int) string {
	var out strings.Builder
	for range p.IntN(most + 1) {
		out.WriteString(pick(p, hostile))
	}
	text := []rune(out.String())
	return string(text[:min(len(text), most)])
}

var attributeNames = []string{"nick", "level", "token", "wp_a", "wp_b", "wp_😀"}

// attributeName is the name of that number, or now and then one that nobody knows, or that another row may have.
func (p *population) attributeName(i int) *string {
	if p.bad() && p.toss(3) {
		return pick(p, []*string{nil, new("Nick"), new("strange"), new("nick"), new("wp_a")})
	}
	return &attributeNames[i]
}

func (p *population) attributeValue() *string {
	if p.toss(8) {
		return nil
	}
	text := []rune(p.text(8))
	if !p.bad() || !p.toss(3) {
		text = text[:min(len(text), 6)] // what nick has room for
	}
	return new(string(text))
}
