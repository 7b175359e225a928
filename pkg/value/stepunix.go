package value

import (
	"strings"
	"time"
)

// unixUnits are the powers of ten of a microsecond that a unit of Unix time has.
var unixUnits = map[string]int{"s": 6, "ms": 3, "us": 0}

// The first and the last microsecond, since 1970 in UTC, of the years 1 to 9999.
var (
	firstMoment = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()
	lastMoment  = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro() - 1
)

// unixStep reads a number of seconds, milliseconds or microseconds since 1970 in UTC. Its stage gives YYYY-MM-DD HH:MM:SS, with a
// fraction if there is one.
func (c *compiler) unixStep(s Step) step {
	power, known := unixUnits[strings.Join(s.Args, " ")]
	if !known {
		c.errorf("steps: unix needs its unit; write {unix: s}, or ms or us")
	}
	c.class = moment
	hit, span := c.rule(s, false), c.guard(outOfRange, c.rules.OutOfRange)
	return func(next stage) stage {
		return func(dst, in []byte) ([]byte, bool, Hit, Fault) {
			if in == nil {
				return next(dst, nil)
			}
			micros, negative, fault := readUnix(in, power)
			switch {
			case fault == "":
				return after(hit, next, dst, appendMoment(micros))
			case fault != outOfRange:
				return refuse(dst, fault)
			case span.word == Clamp && negative:
				return after(hit|span.bit, next, dst, appendMoment(firstMoment))
			case span.word == Clamp:
				return after(hit|span.bit, next, dst, appendMoment(lastMoment))
			}
			return span.resolve(dst)
		}
	}
}

// readUnix reads a number whose unit is 10^power microseconds.
func readUnix(in []byte, power int) (micros int64, negative bool, fault Fault) {
	d, fault := readDecimal(in)
	top, bottom, nonzero := d.span()
	const safe = 17 // so many digits of microseconds fit into 64 bits, and the year 9999 into fewer
	switch {
	case fault == badSyntax:
		return 0, false, stepUnix
	case fault != "" || nonzero && top+power > safe:
		return 0, d.negative, outOfRange
	case !nonzero:
		return 0, false, ""
	case bottom < -power:
		return 0, false, badScale
	}
	for p := top; p >= -power; p-- {
		micros = micros*10 + int64(d.digit(p))
	}
	if d.negative {
		micros = -micros
	}
	if micros < firstMoment || micros > lastMoment {
		return 0, d.negative, outOfRange
	}
	return micros, d.negative, ""
}

func appendMoment(micros int64) []byte {
	t := time.UnixMicro(micros).UTC()
	c := civil{t.Year(), int(t.Month()), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond() / 1000}
	return c.appendTo(make([]byte, 0, 26))
}
