package value

import "strings"

// A directive reads one part of a date's text into t; it returns what is left, or not ok.
type directive func(t *stamp, in []byte) (rest []byte, ok bool)

// A stamp is a civil that is being read, with what only makes sense once all of it has been.
type stamp struct {
	civil
	afternoon bool
	twelve    bool // the hour is one of twelve
}

// dateStep compiles the formats, in MySQL's letters. Its stage gives YYYY-MM-DD HH:MM:SS, with a fraction if there is one, for the
// first format that fits the whole text; zero and partial dates fit, for the policies to judge.
func (c *compiler) dateStep(s Step) step {
	formats := s.Args
	if len(formats) == 0 {
		c.errorf("steps: date needs a format; write {date: [\"%%Y-%%m-%%d\"]}")
	}
	all := make([][]directive, 0, len(formats))
	for _, format := range formats {
		all = append(all, c.directives(format))
	}
	c.class = dated
	hit := c.rule(s, false)
	return func(next stage) stage {
		return func(dst, in []byte) ([]byte, bool, Hit, Fault) {
			if in == nil {
				return next(dst, nil)
			}
			for _, format := range all {
				if t, ok := readStamp(format, in); ok {
					text := t.appendTo(make([]byte, 0, 26))
					if sameDate(in, text) {
						return next(dst, text)
					}
					return after(hit, next, dst, text)
				}
			}
			return refuse(dst, badDate)
		}
	}
}

// sameDate tells whether a text is what the step makes of it, or is but for a midnight.
func sameDate(in, text []byte) bool {
	return string(in) == string(text) || string(in)+" 00:00:00" == string(text)
}

func readStamp(format []directive, in []byte) (civil, bool) {
	var t stamp
	for _, d := range format {
		var ok bool
		if in, ok = d(&t, in); !ok {
			return civil{}, false
		}
	}
	if t.twelve {
		t.hour %= 12
		if t.afternoon {
			t.hour += 12
		}
	}
	return t.civil, len(in) == 0 && (t.partial() || t.valid())
}

// appendTo appends the civil as MySQL prints a DATETIME.
func (t civil) appendTo(dst []byte) []byte {
	dst = appendDigits(dst, t.year, 4)
	dst = appendDigits(append(dst, '-'), t.month, 2)
	dst = appendDigits(append(dst, '-'), t.day, 2)
	dst = appendDigits(append(dst, ' '), t.hour, 2)
	dst = appendDigits(append(dst, ':'), t.minute, 2)
	dst = appendDigits(append(dst, ':'), t.second, 2)
	if t.micro != 0 {
		dst = appendDigits(append(dst, '.'), t.micro, 6)
	}
	return dst
}

func appendDigits(dst []byte, n, width int) []byte {
	at := len(dst)
	dst = append(dst, "000000"[:width]...)
	for i := at + width - 1; i >= at; i-- {
		dst[i] = '0' + byte(n%10)
		n /= 10
	}
	return dst
}

// shorthands are the letters that stand for several others.
var shorthands = strings.NewReplacer("%%", "%%", "%T", "%H:%i:%s", "%r", "%h:%i:%s %p")

const lettersKnown = "%Y %y %m %c %M %b %d %e %H %k %h %I %l %p %i %s %S %f %T %r %W %a %%"

// directives compiles one format.
func (c *compiler) directives(format string) []directive {
	var all []directive
	var seen strings.Builder
	rest := shorthands.Replace(format)
	for rest != "" {
		if rest[0] != '%' {
			all, rest = append(all, literally(rest[0])), rest[1:]
			continue
		}
		letter := byte(0)
		if len(rest) > 1 {
			letter = rest[1]
		}
		d, known := dateLetters[letter]
		if !known {
			c.errorf("steps: date format %q: %q is no letter of it; write one of %s", format, rest[:min(2, len(rest))], lettersKnown)
			return nil
		}
		seen.WriteByte(letter)
		all, rest = append(all, d), rest[2:]
	}
	c.checkLetters(format, seen.String())
	return all
}

// checkLetters refuses a format that leaves open which day, or which half of it, is meant.
func (c *compiler) checkLetters(format, seen string) {
	for _, need := range []struct{ letters, what string }{{"Yy", "a year, %Y"}, {"mcMb", "a month, %m"}, {"de", "a day, %d"}} {
		if !strings.ContainsAny(seen, need.letters) {
			c.errorf("steps: date format %q has no place for %s", format, need.what)
		}
	}
	if strings.ContainsAny(seen, "hIl") != strings.Contains(seen, "p") {
		c.errorf("steps: date format %q: %%h, %%I and %%l go together with %%p; write %%H for an hour of 24", format)
	}
}
