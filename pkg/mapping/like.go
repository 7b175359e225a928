package mapping

import "unicode/utf8"

// A likePattern is a LIKE pattern of MySQL, with the backslash as escape, by which texts are compared byte for byte: Nickname is not like nickname.
type likePattern []piece

// A piece is a character, or what stands for one or any number of them.
type piece struct {
	kind pieceKind
	char rune
}

type pieceKind uint8

const (
	pieceChar pieceKind = iota
	pieceOne            // _
	pieceAny            // %
)

func parseLike(text string) likePattern {
	var p likePattern
	escaped := false
	for _, char := range text {
		next := piece{char: char}
		switch {
		case escaped:
			escaped = false
		case char == '\\':
			escaped = true
			continue
		case char == '_':
			next.kind = pieceOne
		case char == '%':
			next.kind = pieceAny
		}
		if next.kind == pieceAny && len(p) > 0 && p[len(p)-1].kind == pieceAny {
			continue
		}
		p = append(p, next)
	}
	if escaped { // MySQL takes a backslash at the end for itself
		p = append(p, piece{char: '\\'})
	}
	return p
}

// matches reports whether the whole text is like the pattern. It takes at most the product of their lengths: after a mismatch it goes
// back to the last % alone.
func (p likePattern) matches(text string) bool {
	at, anyAt, anyText := 0, -1, 0
	for i := 0; i < len(text); {
		char, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case at < len(p) && p[at].kind == pieceAny:
			anyAt, anyText = at, i
			at++
		case at < len(p) && (p[at].kind == pieceOne || p[at].char == char):
			at++
			i += size
		case anyAt >= 0:
			_, skipped := utf8.DecodeRuneInString(text[anyText:])
			anyText += skipped
			at, i = anyAt+1, anyText
		default:
			return false
		}
	}
	for at < len(p) && p[at].kind == pieceAny {
		at++
	}
	return at == len(p)
}
