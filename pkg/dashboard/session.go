package dashboard

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	cookieName   = "rehome_session"
	idleFor      = 12 * time.Hour // a session that nobody uses ends: longer than a night
	mostSessions = 256            // of one process; the one that was idle longest gives way

	penalty       = time.Second // what a wrong token costs
	wrongAtOnce   = 64          // wrong tokens whose senders wait, in all
	wrongFromOne  = 2           // and from one address
	longestSecret = 1 << 10
)

// sessions are who has signed in to this process; they end with it.
type sessions struct {
	token [sha256.Size]byte

	mu      sync.Mutex
	used    map[[sha256.Size]byte]time.Time // by hash of the cookie's value: when last
	waiting map[string]int                  // senders of wrong tokens, by address
	wait    int                             // their sum
}

func newSessions(token string) *sessions {
	return &sessions{token: sha256.Sum256([]byte(token)), used: map[[sha256.Size]byte]time.Time{}, waiting: map[string]int{}}
}

var (
	errSignIn   error = &problem{http.StatusUnauthorized, "sign in first: open the address that the aggregator printed when it started, or send its token"}
	errToken    error = &problem{http.StatusUnauthorized, "sign in: this is not the token of the aggregator that runs now; it prints its own when it starts, unless it was given one"}
	errTooOften error = &problem{http.StatusTooManyRequests, "sign in: too many wrong tokens came just now; try again in a second"}
)

// open begins a session for who knows the token, and returns the value of its cookie.
func (s *sessions) open(ctx context.Context, token, from string) (value string, err error) {
	if err := s.check(ctx, token, from); err != nil {
		return "", err
	}
	value = rand.Text()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.used) >= mostSessions {
		s.forgetOldest()
	}
	s.used[sha256.Sum256([]byte(value))] = time.Now()
	return value, nil
}

func (s *sessions) forgetOldest() {
	var oldest [sha256.Size]byte
	var at time.Time
	for id, used := range s.used {
		if at.IsZero() || used.Before(at) {
			oldest, at = id, used
		}
	}
	delete(s.used, oldest)
}

// check tells whether a token is the right one. A wrong one takes a second to be refused, and while several of an address wait for that, no other is looked at.
func (s *sessions) check(ctx context.Context, token, from string) error {
	if err := s.compare(sha256.Sum256([]byte(token)), from); !errors.Is(err, errToken) {
		return err
	}
	defer s.leave(from)
	timer := time.NewTimer(penalty)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	return errToken
}

// compare returns nil for the right token. After errToken the caller calls leave.
func (s *sessions) compare(given [sha256.Size]byte, from string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.wait >= wrongAtOnce || s.waiting[from] >= wrongFromOne:
		return errTooOften
	case subtle.ConstantTimeCompare(given[:], s.token[:]) == 1:
		return nil
	}
	s.wait++
	s.waiting[from]++
	return errToken
}

func (s *sessions) leave(from string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wait--
	if s.waiting[from]--; s.waiting[from] == 0 {
		delete(s.waiting, from)
	}
}

// knows reports whether the request comes from somebody who has signed in. To look is no use of a session: one that is used lasts on.
func (s *sessions) knows(r *http.Request, use bool) bool {
	cookie, err := r.Cookie(cookieName)
	if err != nil {
		return false
	}
	id := sha256.Sum256([]byte(cookie.Value))
	s.mu.Lock()
	defer s.mu.Unlock()
	used, known := s.used[id]
	switch {
	case !known:
		return false
	case time.Since(used) > idleFor:
		delete(s.used, id)
		return false
	}
	if use {
		s.used[id] = time.Now()
	}
	return true
}

func (s *sessions) close(r *http.Request) {
	if cookie, err := r.Cookie(cookieName); err == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.used, sha256.Sum256([]byte(cookie.Value)))
	}
}

// admit lets pass who has signed in, or sends the token with the request.
func (s *sessions) admit(r *http.Request) error {
	if scheme, token, found := strings.Cut(r.Header.Get("Authorization"), " "); found && strings.EqualFold(scheme, "bearer") {
		return s.check(r.Context(), strings.TrimSpace(token), addressOf(r))
	}
	if !s.knows(r, true) {
		return errSignIn
	}
	return nil
}

// NewToken draws a token.
func NewToken() string {
	raw := make([]byte, 16)
	_, _ = rand.Read(raw) // it never fails
	return hex.EncodeToString(raw)
}

func (d *Dashboard) signIn(w http.ResponseWriter, r *http.Request) {
	wantsJSON(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, longestSecret)
		var given struct {
			Token string `json:"token"`
		}
		if err := read(r, &given); err != nil {
			fail(w, r, err)
			return
		}
		value, err := d.sessions.open(r.Context(), given.Token, addressOf(r))
		if err != nil {
			if !errors.Is(err, errTooOften) { // or the log would have a line for each, however many there are
				d.config.Log.WarnContext(r.Context(), "somebody has tried to sign in to the dashboard", "from", addressOf(r), "err", err)
			}
			fail(w, r, err)
			return
		}
		d.config.Log.InfoContext(r.Context(), "somebody has signed in to the dashboard", "from", addressOf(r))
		http.SetCookie(w, d.cookie(r, value, 0))
		w.WriteHeader(http.StatusNoContent)
	})(w, r)
}

func (d *Dashboard) signOut(w http.ResponseWriter, r *http.Request) {
	d.sessions.close(r)
	http.SetCookie(w, d.cookie(r, "", -1))
	w.WriteHeader(http.StatusNoContent)
}

// cookie ends with the browser, and with the process at the latest.
func (d *Dashboard) cookie(r *http.Request, value string, age int) *http.Cookie {
	return &http.Cookie{
		Name: cookieName, Value: value, Path: "/", MaxAge: age, HttpOnly: true, SameSite: http.SameSiteStrictMode,
		Secure: d.config.Access.TLS || encrypted(r),
	}
}

// A SignedIn tells who asks whether there is anything to sign in for.
type SignedIn struct {
	SignedIn bool `json:"signed_in"`
	Needed   bool `json:"needed"` // also to read
}

func (d *Dashboard) signedIn(w http.ResponseWriter, r *http.Request) {
	reply(w, http.StatusOK, SignedIn{SignedIn: d.sessions.knows(r, false), Needed: !d.config.Access.open()})
}
