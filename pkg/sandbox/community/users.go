package community

import (
	"fmt"
	"math"
	"strings"
)

const zeroDateTime, zeroDate = "0000-00-00 00:00:00", "0000-00-00"

func (p *population) user(i int, r *row) {
	f := &p.facts
	f.Users++
	r.int(p.userID(i))
	r.text(p.login(i))
	r.text(p.email(i))
	r.text(fmt.Sprintf("%016x%016x", p.draw(ofUsers, i), p.draw(ofUsers+1, i)))
	r.text(p.nick(i))
	if p.odd(i, 211, &f.StatusErrors) {
		r.text("deleted") // not a label: an ENUM makes '' of it
	} else {
		r.text([]string{"active", "active", "active", "active", "pending", "banned"}[p.below(ofUsers+2, i, 6)])
	}
	p.flag(i, r)
	if p.odd(i, 97, &f.ZeroRegistrations) {
		r.text(zeroDateTime)
	} else {
		r.time(p.moment(ofUsers+3, i))
	}
	switch {
	case p.odd(i, 89, &f.ZeroLogins):
		r.text(zeroDateTime)
	case p.below(ofUsers+4, i, 5) == 0:
		r.null()
	default:
		r.time(p.moment(ofUsers+5, i))
	}
	r.text(p.birthday(i))
	r.int(p.reputation(i))
	if p.odd(i, 499, &f.BigCredits) {
		r.uint(math.MaxUint64 - uint64(i))
	} else {
		r.int(p.below(ofUsers+6, i, 5000))
	}
	r.uint(p.draw(ofUsers+7, i) >> 32)
	p.bio(i, r)
	p.pin(i, r)
	r.end()
}

func (p *population) login(i int) string {
	if p.odd(i, 151, &p.facts.LoginCollisions) {
		return strings.ToUpper(plainLogin(i - 1))
	}
	return plainLogin(i)
}

func plainLogin(i int) string { return fmt.Sprintf("%s%d", names[i%len(names)], i) }

// emptyEmails is the period of users without an email: nobody collides with those.
const emptyEmails = 61

func (p *population) email(i int) string {
	f := &p.facts
	switch {
	case !p.isOdd(i-1, emptyEmails) && p.odd(i, 131, &f.EmailCollisions):
		f.EmailVariants++
		return " " + strings.ToUpper(plainLogin(i-1)) + "@Example.org"
	case p.odd(i, emptyEmails, &f.EmptyEmails):
		return ""
	case p.odd(i, 17, &f.EmailVariants):
		return plainLogin(i) + "@Example.ORG "
	}
	return plainLogin(i) + "@example.org"
}

func (p *population) nick(i int) string {
	f := &p.facts
	name := names[p.below(ofUsers+8, i, len(names))]
	switch {
	case p.odd(i, 53, &f.EmptyNicks):
		return strings.Repeat(" ", i%2)
	case p.odd(i, 113, &f.LongNicks):
		return strings.Repeat(name+" the great, ", 4) + "é"
	case p.odd(i, 37, &f.EmojiNicks):
		return name + " \U0001F98A"
	}
	return strings.ToUpper(name[:1]) + name[1:]
}

func (p *population) flag(i int, r *row) {
	switch {
	case p.odd(i, 29, &p.facts.NullFlags):
		r.null()
	case p.odd(i, 103, &p.facts.OddFlags):
		r.int([]int{2, -1}[i%2])
	default:
		r.int(min(p.below(ofUsers+9, i, 8), 1))
	}
}

func (p *population) birthday(i int) string {
	year, month, day := 1940+p.below(ofUsers+10, i, 65), 1+p.below(ofUsers+11, i, 12), 1+p.below(ofUsers+12, i, 28)
	switch {
	case p.odd(i, 23, &p.facts.ZeroBirthdays):
		return zeroDate
	case p.odd(i, 43, &p.facts.PartialBirthdays):
		day = 0
		if i%2 == 0 {
			month = 0
		}
	}
	return fmt.Sprintf("%04d-%02d-%02d", year, month, day)
}

// reputation is below 100 for four of five.
func (p *population) reputation(i int) int {
	if p.below(ofUsers+13, i, 5) > 0 {
		return p.below(ofUsers+14, i, 100)
	}
	return 100 + p.below(ofUsers+14, i, 50000)
}

func (p *population) bio(i int, r *row) {
	switch {
	case p.odd(i, 173, &p.facts.NULBios):
		r.text("before\x00after\x00")
	case p.below(ofUsers+15, i, 3) == 0:
		r.null()
	default:
		r.text(p.sentence(ofUsers+16, i, 3, 20))
	}
}

// pin closes the cycle of users and posts.
func (p *population) pin(i int, r *row) {
	switch {
	case p.odd(i, 307, &p.facts.PinnedGone):
		r.int(p.gonePost(p.below(ofUsers+18, i, p.posts)))
	case p.below(ofUsers+19, i, 6) == 0:
		r.int(p.postID(p.below(ofUsers+18, i, p.posts)))
	default:
		r.null()
	}
}

func (p *population) profile(i int, r *row) {
	f := &p.facts
	if p.odd(i, 20, &f.MissingProfiles) {
		return
	}
	f.Profiles++
	r.int(p.userID(i))
	if p.odd(i, 9, &f.Latin1Cities) {
		r.text(cities[p.below(ofProfiles, i, latin1Cities)])
	} else {
		r.text(cities[latin1Cities+p.below(ofProfiles, i, len(cities)-latin1Cities)])
	}
	r.text(countryCodes[p.below(ofProfiles+1, i, len(countryCodes))])
	r.text([]string{"", "https://" + plainLogin(i) + ".example.net/"}[p.below(ofProfiles+2, i, 2)])
	if p.odd(i, 71, &f.CP1252Signatures) {
		r.hex("gr\xfc\xdfe, 5 \x80")
	} else {
		r.hex("grüße, 5 €")
	}
	if p.odd(i, 83, &f.HeightSentinels) {
		r.int(math.MaxUint16)
	} else {
		r.int(1400 + p.below(ofProfiles+3, i, 700))
	}
	r.text(fmt.Sprintf("%.5f", float64(p.below(ofProfiles+4, i, 18_000_000))/100_000-90))
	if p.odd(i, 31, &f.EmptyExtras) {
		r.text("")
	} else {
		r.text(fmt.Sprintf(`{"theme": "%s", "columns": %d, "beta": %t}`, []string{"dark", "light"}[i%2], i%4, i%7 == 0))
	}
	r.time(p.moment(ofProfiles+5, i))
	r.end()
}
