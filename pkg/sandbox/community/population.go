package community

import "time"

// The streams that values are drawn from: no two columns share one.
const (
	ofUserID uint64 = iota << 8
	ofPostID
	ofUsers
	ofProfiles
	ofSettings
	ofPosts
	ofComments
	ofFollows
	ofOrders
)

// idStride is the width of the slot in which each id lies: ids are sparse, and an id that no row has is in every slot.
const idStride = 3

const (
	firstUserID = 1
	firstPostID = 1000
)

// population computes any row of a community from its number alone, so that nothing of it is kept.
type population struct {
	seed                 uint64
	clean                bool
	users, posts         int
	comments, orderCount int
	facts                Facts // each field is written by one table's loader alone
}

func newPopulation(opts Options) *population {
	return &population{
		seed: opts.Seed, clean: opts.Clean,
		users: opts.Users, posts: opts.Users + opts.Users/2, comments: 2*opts.Users + opts.Users/2, orderCount: opts.Users / 2,
		facts: Facts{Categories: 8, Countries: 8},
	}
}

// tables has the large ones first: the longest load bounds the whole.
func (p *population) tables() []table {
	return []table{
		{"comments", "id, post_id, user_id, body, score, created", p.comments, p.comment,
			"ADD KEY user_id (user_id), ADD KEY post_id (post_id)"},
		{"posts", `id, user_id, parent_id, accepted_answer_id, category_id, type, title, body, views, closed, created, edited, ip`,
			p.posts, p.post, "ADD KEY user_id (user_id), ADD KEY parent_id (parent_id)"},
		{"users", `id, login, email, password_md5, nick, status, active, registered, last_login, birthday, reputation, credits,
			signup_ip, bio, pinned_post`, p.users, p.user, "ADD KEY login (login), ADD KEY email (email)"},
		{"profiles", `user_id, city, country, homepage, @signature, height_mm, latitude, extra, updated`, p.users, p.profile, ""},
		{"settings", "id, user_id, name, value", p.users, p.setting, "ADD UNIQUE KEY user_name (user_id, name)"},
		{"follows", "follower_id, followee_id, created", p.users, p.follow, "ADD KEY followee_id (followee_id)"},
		{"orders", "id, user_id, ref, state, total, tax, invoiced, note", p.orderCount, p.order, "ADD KEY user_id (user_id)"},
		{"sessions", "id, user_id, data", p.users / 20, p.session, ""},
	}
}

// draw is an even 64-bit number for a column of row i (splitmix64).
func (p *population) draw(stream uint64, i int) uint64 {
	z := p.seed*0x9e3779b97f4a7c15 + stream*0xd1342543de82ef95 + uint64(i)*0xbf58476d1ce4e5b9
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// below is draw reduced to 0 … n-1.
func (p *population) below(stream uint64, i, n int) int { return int(p.draw(stream, i) % uint64(n)) }

// odd says whether row i has an oddity: one row in every period, the same ones whatever the size. It counts them.
func (p *population) odd(i, period int, count *int64) bool {
	if !p.isOdd(i, period) {
		return false
	}
	*count++
	return true
}

func (p *population) isOdd(i, period int) bool { return !p.clean && i%period == period/3 }

func (p *population) userID(i int) int {
	return firstUserID + i*idStride + p.below(ofUserID, i, idStride)
}

func (p *population) postID(i int) int {
	return firstPostID + i*idStride + p.below(ofPostID, i, idStride)
}

// goneUser is an id beside that of user i, which no user has.
func (p *population) goneUser(i int) int {
	return firstUserID + i*idStride + (p.below(ofUserID, i, idStride)+1)%idStride
}

func (p *population) gonePost(i int) int {
	return firstPostID + i*idStride + (p.below(ofPostID, i, idStride)+1)%idStride
}

// author draws a user: few write much, most write little.
func (p *population) author(stream uint64, i int) int {
	u := float64(p.draw(stream, i)>>11) / (1 << 53)
	return int(u * u * float64(p.users))
}

var epoch = time.Date(2008, time.April, 1, 8, 0, 0, 0, time.UTC)

const span = 12 * 365 * 24 * 3600 // seconds of the community's life

// moment is a local time. None is between two and three in the night, which may not exist, or exist twice.
func (p *population) moment(stream uint64, i int) time.Time {
	at := epoch.Add(time.Duration(p.below(stream, i, span)) * time.Second)
	if at.Hour() == 2 {
		return at.Add(12 * time.Hour)
	}
	return at
}
