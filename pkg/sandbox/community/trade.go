package community

import (
	"fmt"

	"github.com/google/uuid"
)

// setting writes the settings of user i, one to three, and now and then one of a user who is gone.
func (p *population) setting(i int, r *row) {
	f := &p.facts
	if p.odd(i, 19, &f.SettingsKeyVariants) {
		p.settingRow(r, i, 0, " Theme")
	} else {
		p.settingRow(r, i, 0, "theme")
	}
	if i%3 > 0 {
		p.settingRow(r, i, 1, "language")
	}
	if p.odd(i, 3, &f.SettingsTokens) {
		p.settingRow(r, i, 2, "session_token")
	}
	if p.odd(i, 163, &f.SettingsOfGone) {
		f.Settings++
		r.int(4*i + 4)
		r.int(p.goneUser(i))
		r.text("theme")
		r.text("dark")
		r.end()
	}
}

func (p *population) settingRow(r *row, i, k int, name string) {
	p.facts.Settings++
	r.int(4*i + 1 + k)
	r.int(p.userID(i))
	r.text(name)
	if k == 1 && p.odd(i, 31, &p.facts.SettingsNull) {
		r.null()
	} else {
		r.text(words[p.below(ofSettings, 4*i+k, len(words))])
	}
	r.end()
}

func (p *population) order(i int, r *row) {
	f := &p.facts
	f.Orders++
	r.int(5000 + 7*i)
	if p.odd(i, 181, &f.OrdersOfGone) {
		r.int(p.goneUser(p.author(ofOrders, i)))
	} else {
		r.int(p.userID(p.author(ofOrders, i)))
	}
	r.text(p.reference(i))
	if p.odd(i, 149, &f.OrdersOddState) {
		r.int(5)
	} else {
		r.int([]int{0, 1, 2, 9}[p.below(ofOrders+1, i, 4)])
	}
	cents := p.below(ofOrders+2, i, 10_000_000)
	r.text(fmt.Sprintf("%d.%02d", cents/100, cents%100))
	if i%4 == 0 {
		r.null()
	} else {
		r.text(fmt.Sprintf("%d.%04d", cents/10_000, cents%10_000))
	}
	p.invoiced(i, r)
	if i%5 > 0 {
		r.null()
	} else {
		r.text(p.sentence(ofOrders+4, i, 1, 8) + " ")
	}
	r.end()
}

func (p *population) reference(i int) string {
	var id uuid.UUID
	for at := range id {
		id[at] = byte(p.draw(ofOrders+6, i*16+at))
	}
	return id.String()
}

// invoiced is written in the German way up to the change of 2019, as somebody thought the programme would.
func (p *population) invoiced(i int, r *row) {
	at := p.moment(ofOrders+7, i)
	switch {
	case i%10 == 9:
		r.text("")
	case p.odd(i, 6, &p.facts.OrdersGermanDates):
		r.text(at.Format("02.01.2006"))
	default:
		r.text(at.Format("2006-01-02"))
	}
}

func (p *population) session(i int, r *row) {
	p.facts.Sessions++
	r.text(fmt.Sprintf("%016x%016x", p.draw(ofUsers+20, i), p.draw(ofUsers+21, i)))
	r.int(p.userID(i))
	r.text("a:1:{s:4:\"cart\";i:0;}")
	r.end()
}
