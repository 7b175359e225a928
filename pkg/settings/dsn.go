package settings

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// escapeHint is said wherever a URL cannot be taken apart, because what breaks it is nearly always a password.
const escapeHint = "in a user name or password write % as %25, / as %2F, ? as %3F, # as %23, @ as %40, : as %3A"

// parseURL takes a DSN apart. Its error never quotes the text, nor what net/url says of it: url.Parse repeats the text,
// and takes a part of a password with a slash in it for a port.
func parseURL(text, shape string, schemes ...string) (*url.URL, error) {
	scheme, _, found := strings.Cut(text, "://")
	if !found || !isOneOf(scheme, schemes) {
		return nil, fmt.Errorf("does not begin with %s://; write it as %s", schemes[0], shape)
	}
	u, err := url.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("is not a URL of the form %s; %s", shape, escapeHint)
	}
	if misplacedAt(text) {
		return nil, fmt.Errorf("has an @ that is not the one before its host; %s", escapeHint)
	}
	// url.Parse drops a pair that it cannot decode, silently.
	if _, err := url.ParseQuery(u.RawQuery); err != nil {
		return nil, fmt.Errorf("has a part after the question mark that is not name=value&name=value; %s", escapeHint)
	}
	if u.Fragment != "" || strings.HasSuffix(text, "#") {
		return nil, fmt.Errorf("has a # in it; %s", escapeHint)
	}
	return u, nil
}

// misplacedAt reports whether an @ stands where it may belong to a password that was not escaped. A slash in such a
// password makes a host and a database of its parts, which would then be shown; and where there are two, net/url ends the
// password at the last, pgx at the first.
func misplacedAt(text string) bool {
	_, rest, _ := strings.Cut(text, "://")
	authority := rest
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		authority = rest[:end]
	}
	return strings.Count(authority, "@") > 1 || strings.Contains(rest[len(authority):], "@")
}

func isOneOf(scheme string, schemes []string) bool {
	for _, s := range schemes {
		if strings.EqualFold(scheme, s) {
			return true
		}
	}
	return false
}

// urlHoldsPassword reports whether a database URL carries a password, in either place where one can stand. What is not
// a URL is reported as that, and might hold one.
func urlHoldsPassword(text string) bool {
	u, err := url.Parse(text)
	if err != nil {
		return strings.Contains(text, "@")
	}
	if _, has := u.User.Password(); has {
		return true
	}
	query := u.Query()
	return query.Has("password") || query.Has("sslpassword")
}

// redacted builds the one form in which a DSN is shown.
func redacted(scheme, user, hosts, database string) string {
	var b strings.Builder
	b.WriteString(scheme + "://")
	if user != "" {
		b.WriteString(url.User(user).String() + "@")
	}
	b.WriteString(hosts + "/" + url.PathEscape(database))
	return b.String()
}

// oneLine makes one error of all problems, because a setting's faults are shown on its own line.
func oneLine(problems []error) error {
	texts := make([]string, len(problems))
	for i, p := range problems {
		texts[i] = p.Error()
	}
	return errors.New(strings.Join(texts, "; "))
}
