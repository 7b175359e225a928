package value

import (
	"strings"
	"time"
)

// dateLetters are MySQL's letters. As there, a number may be written without its leading zero; a year may not, lest 19 be taken for
// the year 19.
var dateLetters = map[byte]directive{
	'Y': number(4, 4, 0, 9999, func(t *stamp, n int) { t.year = n }),
	'y': number(2, 2, 0, 99, func(t *stamp, n int) { t.year = century(n) }),
	'm': number(1, 2, 0, 12, setMonth),
	'c': number(1, 2, 0, 12, setMonth),
	'd': number(1, 2, 0, 31, setDay),
	'e': number(1, 2, 0, 31, setDay),
	'H': number(1, 2, 0, 23, setHour),
	'k': number(1, 2, 0, 23, setHour),
	'h': number(1, 2, 1, 12, setTwelve),
	'I': number(1, 2, 1, 12, setTwelve),
	'l': number(1, 2, 1, 12, setTwelve),
	'i': number(1, 2, 0, 59, func(t *stamp, n int) { t.minute = n }),
	's': number(1, 2, 0, 59, setSecond),
	'S': number(1, 2, 0, 59, setSecond),
	'%': literally('%'),
	'f': fraction,
	'p': halfDay,
	'M': name(monthName, 12, func(t *stamp, n int) { t.month = n + 1 }),
	'b': name(shortened(monthName), 12, func(t *stamp, n int) { t.month = n + 1 }),
	'W': name(dayName, 7, func(*stamp, int) {}),
	'a': name(shortened(dayName), 7, func(*stamp, int) {}),
}

func setMonth(t *stamp, n int)  { t.month = n }
func setDay(t *stamp, n int)    { t.day = n }
func setHour(t *stamp, n int)   { t.hour = n }
func setTwelve(t *stamp, n int) { t.hour, t.twelve = n, true }
func setSecond(t *stamp, n int) { t.second = n }

// century is MySQL's rule for years of two digits.
func century(n int) int {
	if n < 70 {
		return 2000 + n
	}
	return 1900 + n
}

func literally(b byte) directive {
	return func(_ *stamp, in []byte) ([]byte, bool) {
		if len(in) == 0 || in[0] != b {
			return in, false
		}
		return in[1:], true
	}
}

// number reads as many digits as there are, up to most.
func number(fewest, most, low, high int, set func(*stamp, int)) directive {
	return func(t *stamp, in []byte) ([]byte, bool) {
		n, used := 0, 0
		for used < most && used < len(in) && in[used]-'0' <= 9 {
			n = n*10 + int(in[used]-'0')
			used++
		}
		if used < fewest || n < low || n > high {
			return in, false
		}
		set(t, n)
		return in[used:], true
	}
}

// fraction reads one to six digits of a second.
func fraction(t *stamp, in []byte) ([]byte, bool) {
	digits, rest := leadingDigits(in)
	if len(digits) == 0 || len(digits) > 6 {
		return in, false
	}
	t.micro = 0
	for i := range 6 {
		t.micro *= 10
		if i < len(digits) {
			t.micro += int(digits[i] - '0')
		}
	}
	return rest, true
}

func halfDay(t *stamp, in []byte) ([]byte, bool) {
	if len(in) < 2 || in[1]|0x20 != 'm' || in[0]|0x20 != 'a' && in[0]|0x20 != 'p' {
		return in, false
	}
	t.afternoon = in[0]|0x20 == 'p'
	return in[2:], true
}

func monthName(i int) string { return time.Month(i + 1).String() }
func dayName(i int) string   { return time.Weekday(i).String() }

func shortened(long func(int) string) func(int) string {
	return func(i int) string { return long(i)[:3] }
}

// name reads one of n English names in any case.
func name(names func(int) string, n int, set func(*stamp, int)) directive {
	return func(t *stamp, in []byte) ([]byte, bool) {
		for i := range n {
			word := names(i)
			if len(in) >= len(word) && strings.EqualFold(string(in[:len(word)]), word) {
				set(t, i)
				return in[len(word):], true
			}
		}
		return in, false
	}
}
