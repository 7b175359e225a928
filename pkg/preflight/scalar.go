package preflight

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

// bare are the texts that YAML takes as they are written.
var bare = regexp.MustCompile(`^-?[A-Za-z0-9_][A-Za-z0-9_.+ -]*$`)

// scalar spells a text as a YAML scalar that migration.yaml reads as just this text.
func scalar(text string) string {
	null := strings.EqualFold(text, "null")
	if bare.MatchString(text) && !null && !strings.HasSuffix(text, " ") {
		return text
	}
	return visible(text)
}

// visible quotes a text so that no byte of it does anything to a terminal.
func visible(text string) string {
	for _, r := range text {
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			return strconv.QuoteToASCII(text)
		}
	}
	return strconv.Quote(text)
}

// shown is a key or a value as the text form shows it: as it is where it is plain, else quoted.
func shown(text string) string {
	const most = 60
	if runes := []rune(text); len(runes) > most {
		text = string(runes[:most]) + "…"
	}
	if bare.MatchString(text) && !strings.HasSuffix(text, " ") {
		return text
	}
	return visible(text)
}

func plural(n int64, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// number groups the digits of a count by thousands.
func number(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return digits
}
