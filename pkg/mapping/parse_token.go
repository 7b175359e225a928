package mapping

import "strings"

// tokenKind is what a piece of MySQL's text is, as far as it matters to find names and ends.
type tokenKind int

const (
	tokenWord   tokenKind = iota // a name without quotes, a keyword or a function
	tokenName                    // a name in backticks; text is without them
	tokenText                    // '…' or "…"
	tokenNumber                  // 1, 1.5e3, 0x1F
	tokenSymbol                  // any other single byte
)

type sqlToken struct {
	kind       tokenKind
	text       string
	start, end int // in bytes
}

// slip is why an expression is refused, and what to write instead.
type slip struct{ message, fix string }

// tokenize splits an expression as MySQL does under the sql_mode that rehome sets: no ANSI_QUOTES, backslash escapes in
// '…' and "…". It stops at the first slip.
func tokenize(expr string) ([]sqlToken, *slip) {
	var out []sqlToken
	if strings.IndexByte(expr, 0) >= 0 {
		return nil, &slip{"it holds a NUL byte", ""}
	}
	for i := 0; i < len(expr); {
		t, s := nextToken(expr, i, out)
		if s != nil {
			return out, s
		}
		i = t.end
		if t.kind != tokenSymbol || !strings.ContainsAny(t.text, " \t\r\n\f\v") {
			out = append(out, t)
		}
	}
	return out, nil
}

func nextToken(expr string, i int, before []sqlToken) (sqlToken, *slip) {
	rest := expr[i:]
	switch c := rest[0]; {
	case c == '\'' || c == '"' || c == '`':
		return quotedToken(expr, i)
	case strings.HasPrefix(rest, "--"), c == '#', strings.HasPrefix(rest, "/*"):
		return sqlToken{}, &slip{"it holds a comment", "put comments behind YAML's own #; between two minus signs put a space"}
	case c == ';':
		return sqlToken{}, &slip{"a ; would end the statement", "put a ; of a text in quotes"}
	case c == '?':
		return sqlToken{}, &slip{"a ? outside quotes is a placeholder", "put a ? of a text in quotes"}
	case c == '\\':
		return sqlToken{}, &slip{`a \ stands outside quotes`, ""}
	case c >= '0' && c <= '9' || c == '.' && digitAt(expr, i+1) && !afterName(before, i):
		if n := numberLength(rest); n > 0 && !afterDot(before, i) && !wordAt(expr, i+n) {
			return sqlToken{tokenNumber, rest[:n], i, i + n}, nil
		}
	}
	n := 0
	for wordAt(rest, n) {
		n++
	}
	if n == 0 {
		return sqlToken{tokenSymbol, rest[:1], i, i + 1}, nil
	}
	return sqlToken{tokenWord, rest[:n], i, i + n}, nil
}

// quotedToken is the text or name that begins at i; a doubled quote is one of its characters.
func quotedToken(expr string, i int) (sqlToken, *slip) {
	quote := expr[i]
	for j := i + 1; j < len(expr); j++ {
		switch {
		case expr[j] == '\\' && quote != '`':
			j++
		case expr[j] == quote && j+1 < len(expr) && expr[j+1] == quote:
			j++
		case expr[j] == quote:
			body := expr[i+1 : j]
			if quote == '`' {
				return sqlToken{tokenName, strings.ReplaceAll(body, "``", "`"), i, j + 1}, nil
			}
			return sqlToken{tokenText, body, i, j + 1}, nil
		}
	}
	return sqlToken{}, &slip{"a " + string(quote) + " is not closed", cutFix}
}

// numberLength is the length of the number that s begins with: MySQL's names may begin with digits too.
func numberLength(s string) int {
	for prefix, set := range map[string]string{"0x": "0123456789abcdefABCDEF", "0b": "01"} {
		if after, ok := strings.CutPrefix(s, prefix); ok {
			if n := len(after) - len(strings.TrimLeft(after, set)); n > 0 {
				return len(prefix) + n
			}
		}
	}
	n := digitsLength(s)
	if n < len(s) && s[n] == '.' {
		n += 1 + digitsLength(s[n+1:])
	}
	if n < len(s) && (s[n] == 'e' || s[n] == 'E') {
		e := n + 1
		if e < len(s) && (s[e] == '+' || s[e] == '-') {
			e++
		}
		if d := digitsLength(s[e:]); d > 0 {
			n = e + d
		}
	}
	return n
}

func digitsLength(s string) int { return len(s) - len(strings.TrimLeft(s, "0123456789")) }

func digitAt(s string, i int) bool { return i < len(s) && s[i] >= '0' && s[i] <= '9' }

func wordAt(s string, i int) bool {
	if i >= len(s) {
		return false
	}
	c := s[i]
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '$' || c >= 0x80
}

// afterName reports whether a name ends right before i, so that a dot there qualifies it.
func afterName(before []sqlToken, i int) bool {
	if len(before) == 0 {
		return false
	}
	last := before[len(before)-1]
	return last.end == i && (last.kind == tokenWord || last.kind == tokenName)
}

// afterDot reports whether a qualifying dot ends right before i.
func afterDot(before []sqlToken, i int) bool {
	n := len(before)
	return n > 1 && before[n-1].text == "." && before[n-1].end == i && afterName(before[:n-1], i-1)
}
