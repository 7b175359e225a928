package community

import "strings"

// Posts come in threes: a question, an answer to it, and an answer to any earlier post.
const threadLength = 3

func (p *population) post(i int, r *row) {
	f := &p.facts
	f.Posts++
	r.int(p.postID(i))
	switch {
	case p.odd(i, 67, &f.PostsWithoutUser):
		r.null()
	case p.odd(i, 79, &f.PostsOfGone):
		r.int(p.goneUser(p.author(ofPosts, i)))
	default:
		r.int(p.userID(p.author(ofPosts, i)))
	}
	p.parent(i, r)
	p.accepted(i, r)
	if n := p.below(ofPosts+2, i, 9); n > 0 {
		r.int(n)
	} else {
		r.null()
	}
	p.kind(i, r)
	p.title(i, r)
	p.body(i, r)
	r.uint(p.draw(ofPosts+3, i) >> (32 + i%31)) // some exceed a signed 32-bit number
	if n := p.below(ofPosts+4, i, 3); n < 2 {
		r.int(n)
	} else {
		r.null()
	}
	if p.odd(i, 109, &f.PostsZeroCreated) {
		r.text(zeroDateTime)
	} else {
		r.time(p.moment(ofPosts+5, i))
	}
	if p.below(ofPosts+6, i, 4) == 0 {
		r.time(p.moment(ofPosts+7, i))
	} else {
		r.null()
	}
	r.uint(p.draw(ofPosts+8, i) >> 32)
	r.end()
}

func (p *population) parent(i int, r *row) {
	switch {
	case i%threadLength == 0:
		r.null()
	case p.odd(i, 127, &p.facts.PostsParentGone):
		r.int(p.gonePost(i))
	case i%threadLength == 1:
		r.int(p.postID(i - 1))
	default:
		r.int(p.postID(p.below(ofPosts+9, i, i)))
	}
}

// accepted makes a cycle of a question and the answer behind it.
func (p *population) accepted(i int, r *row) {
	switch {
	case i%threadLength > 0:
		r.null()
	case p.odd(i, 139, &p.facts.PostsAcceptedGone):
		r.int(p.gonePost(i))
	case i+1 < p.posts && p.below(ofPosts+10, i, 2) == 0:
		p.facts.PostsAccepted++
		r.int(p.postID(i + 1))
	default:
		r.null()
	}
}

func (p *population) kind(i int, r *row) {
	switch {
	case p.odd(i, 101, &p.facts.PostsOddType):
		r.int(7)
	case i%threadLength == 0:
		r.int(1)
	default:
		r.int(2)
	}
}

func (p *population) title(i int, r *row) {
	switch {
	case i%threadLength > 0:
		r.null()
	case p.odd(i, 157, &p.facts.PostsLongTitles):
		r.text(strings.Repeat("why? ", 40) + "why")
	default:
		r.text(p.sentence(ofPosts+12, i, 2, 9))
	}
}

func (p *population) body(i int, r *row) {
	body := p.sentence(ofPosts+14, i, 4, 40)
	if p.odd(i, 59, &p.facts.PostsNUL) {
		body += "\x00 and more"
	}
	if p.odd(i, 13, &p.facts.PostsEmoji) {
		body += "\n\U0001F600\tC:\\"
	}
	r.text(body)
}

func (p *population) comment(i int, r *row) {
	f := &p.facts
	f.Comments++
	r.int(1 + 2*i)
	post := p.below(ofComments, i, p.posts)
	if p.odd(i, 73, &f.CommentsOnGone) {
		r.int(p.gonePost(post))
	} else {
		r.int(p.postID(post))
	}
	if p.odd(i, 47, &f.CommentsOfGone) {
		r.int(p.goneUser(p.author(ofComments+1, i)))
	} else {
		r.int(p.userID(p.author(ofComments+1, i)))
	}
	r.text(p.sentence(ofComments+2, i, 1, 14))
	r.int(p.below(ofComments+4, i, 40) - 5)
	r.time(p.moment(ofComments+5, i))
	r.end()
}

// follow writes whom user i follows: none to three others in a row.
func (p *population) follow(i int, r *row) {
	f := &p.facts
	first := p.below(ofFollows, i, p.users)
	for k := range min(p.below(ofFollows+1, i, 4), p.users) {
		if other := (first + k) % p.users; other != i {
			p.followRow(r, p.userID(i), p.userID(other), i*4+k)
		}
	}
	if p.odd(i, 41, &f.FollowsToGone) {
		p.followRow(r, p.userID(i), p.goneUser(first), i*4)
	}
	if p.odd(i, 107, &f.FollowsOfGone) {
		p.followRow(r, p.goneUser(i), p.userID(first), i*4)
	}
}

func (p *population) followRow(r *row, follower, followee, moment int) {
	p.facts.Follows++
	r.int(follower)
	r.int(followee)
	r.time(p.moment(ofFollows+2, moment))
	r.end()
}
