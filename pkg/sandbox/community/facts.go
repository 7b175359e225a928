package community

// Facts are what Generate made: rows of each table, then oddities. A row may have several oddities, and counts in each.
// "Gone" is an id that no row has.
type Facts struct {
	Users, Profiles, Settings, Posts, Comments, Follows, Orders, Sessions int64

	// Categories and Countries are the same in every community.
	Categories, Countries int64

	LoginCollisions   int64 // users whose login differs from that of a user with a lower id in case alone
	EmailVariants     int64 // users whose email has capitals or blanks around it
	EmailCollisions   int64 // users who share lower(trim(email)) with a user of a lower id
	EmptyEmails       int64 // users whose email is ''
	EmptyNicks        int64 // users whose nick is '' or blank
	LongNicks         int64 // users whose nick has more than 40 characters, the target's limit
	EmojiNicks        int64 // users whose nick has a character of four bytes
	StatusErrors      int64 // users whose status is '', the ENUM's error value
	NullFlags         int64 // users whose active flag is NULL
	OddFlags          int64 // users whose active flag, a boolean, is 2 or -1
	ZeroRegistrations int64 // users registered on the zero date
	ZeroLogins        int64 // users whose last_login is the zero date
	ZeroBirthdays     int64 // users whose birthday is the zero date
	PartialBirthdays  int64 // users whose birthday lacks the day, or month and day
	BigCredits        int64 // users whose credits exceed a signed 64-bit number
	NULBios           int64 // users whose bio has a NUL byte
	PinnedGone        int64 // users whose pinned post is gone

	MissingProfiles  int64 // users without a profile
	Latin1Cities     int64 // profiles whose city has bytes above 127 in latin1
	CP1252Signatures int64 // profiles whose signature is cp1252 and no UTF-8; all others are UTF-8
	HeightSentinels  int64 // profiles whose height_mm, 65535, does not fit the target's smallint
	EmptyExtras      int64 // profiles whose extra, JSON elsewhere, is ''

	SettingsTokens      int64 // settings named session_token, which nobody wants
	SettingsNull        int64 // settings whose value is NULL
	SettingsKeyVariants int64 // settings whose name has capitals or blanks around it
	SettingsOfGone      int64 // settings of gone users

	PostsWithoutUser  int64 // posts whose user is NULL
	PostsOfGone       int64 // posts of gone users
	PostsParentGone   int64 // posts whose parent is gone
	PostsAcceptedGone int64 // posts whose accepted answer is gone
	PostsAccepted     int64 // posts in a cycle with their accepted answer, no oddity
	PostsOddType      int64 // posts whose type is neither 1 nor 2
	PostsNUL          int64 // posts whose body has a NUL byte
	PostsEmoji        int64 // posts whose body has a character of four bytes
	PostsZeroCreated  int64 // posts created on the zero date
	PostsLongTitles   int64 // posts whose title has more than 120 characters, the target's limit

	CommentsOfGone int64 // comments of gone users
	CommentsOnGone int64 // comments on gone posts

	FollowsOfGone int64 // follows whose follower is gone
	FollowsToGone int64 // follows of a gone user by a user who is there

	OrdersOfGone      int64 // orders of gone users
	OrdersOddState    int64 // orders whose state is none of 0, 1, 2, 9
	OrdersGermanDates int64 // orders whose invoiced is DD.MM.YYYY; the others' is YYYY-MM-DD or ''
}

// Rows is how many rows all tables of users' data have together.
func (f Facts) Rows() int64 {
	return f.Users + f.Profiles + f.Settings + f.Posts + f.Comments + f.Follows + f.Orders
}
