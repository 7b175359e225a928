package value

import (
	"encoding/binary"
	"time"
)

// calendar is what the policies make of the dates that no calendar has.
type calendar struct{ zero, partial, span guard }

func (c *compiler) calendar() calendar {
	return calendar{
		zero:    c.guard(zeroDate, c.rules.ZeroDate),
		partial: c.guard(partialDate, c.rules.PartialDate),
		span:    c.guard(outOfRange, c.rules.OutOfRange),
	}
}

// stage reads a civil and gives it to encode once it is a day of the years 1 to 9999, or ends it as the policies say.
func (k calendar) stage(encode func(dst []byte, t civil, hit Hit) ([]byte, bool, Hit, Fault)) stage {
	return func(dst, in []byte) ([]byte, bool, Hit, Fault) {
		t, ok := readCivil(in)
		var hit Hit
		switch {
		case !ok:
			return refuse(dst, badSyntax)
		case t.zero():
			return k.zero.resolve(dst)
		case t.partial():
			if k.partial.word != First {
				return k.partial.resolve(dst)
			}
			t.month, t.day, hit = max(t.month, 1), max(t.day, 1), k.partial.bit
		}
		switch {
		case !t.valid():
			return refuse(dst, badDate)
		case t.year > 0:
			return encode(dst, t, hit)
		case k.span.word == Clamp:
			return encode(dst, civil{year: 1, month: 1, day: 1}, hit|k.span.bit)
		}
		// PostgreSQL has no year 0.
		return k.span.resolve(dst)
	}
}

func (c *compiler) toDate() stage {
	switch c.class {
	case day, dated, moment:
	case local, instant:
		return c.missing("write sql: DATE(COLUMN)")
	case character, integer:
		return c.missing("add the step {date: [FORMAT]}")
	default:
		return c.missing("write a sql expression that makes a DATE of it")
	}
	return c.calendar().stage(func(dst []byte, t civil, hit Hit) ([]byte, bool, Hit, Fault) {
		if t.clock() != 0 {
			return refuse(dst, badScale)
		}
		return done(binary.BigEndian.AppendUint32(dst, uint32(t.days())), hit)
	})
}

func (c *compiler) toTimestamp(k kind) stage {
	var zone *time.Location
	switch {
	case c.class == dated, c.class == local:
		if k == kindTimestamptz {
			zone = c.rules.Zone
		}
	case c.class == moment, c.class == instant && k == kindTimestamptz:
	case c.class == instant:
		return c.missing("feed a timestamp with time zone, or write sql: CAST(COLUMN AS DATETIME) for the time in UTC")
	case c.class == day:
		return c.missing("feed a date, or write sql: CAST(COLUMN AS DATETIME) for midnight")
	case c.class == character, c.class == integer:
		return c.missing("add the step {date: [FORMAT]}, or {unix: s} for seconds since 1970")
	default:
		return c.missing("write a sql expression that makes a DATETIME of it")
	}
	unit, clock := units[c.to.fraction()], c.wallClock(zone)
	return c.calendar().stage(func(dst []byte, t civil, hit Hit) ([]byte, bool, Hit, Fault) {
		micros := t.micros()
		if micros%unit != 0 {
			return refuse(dst, badScale)
		}
		if clock != nil {
			instant, bit, ends := clock.instant(micros)
			if ends != nil {
				out, null, more, fault := ends.resolve(dst)
				return out, null, hit | more, fault
			}
			micros, hit = instant, hit|bit
		}
		return done(binary.BigEndian.AppendUint64(dst, uint64(micros)), hit)
	})
}

const dayMicros = 86400e6

func (c *compiler) toTime() stage {
	if c.class != clock {
		return c.missing("write sql: CAST(COLUMN AS TIME)")
	}
	span, unit := c.guard(outOfRange, c.rules.OutOfRange), units[c.to.fraction()]
	return func(dst, in []byte) ([]byte, bool, Hit, Fault) {
		micros, ok := readDuration(in)
		switch {
		case !ok:
			return refuse(dst, badSyntax)
		case micros%unit != 0:
			return refuse(dst, badScale)
		case micros >= 0 && micros <= dayMicros:
			return done(binary.BigEndian.AppendUint64(dst, uint64(micros)), 0)
		case span.word == Clamp:
			return done(binary.BigEndian.AppendUint64(dst, uint64(min(max(micros, 0), dayMicros))), span.bit)
		}
		return span.resolve(dst)
	}
}

// readDuration reads MySQL's TIME, [-]HH:MM:SS with two or three digits of hours and up to six of a fraction, in microseconds.
func readDuration(in []byte) (micros int64, ok bool) {
	negative := len(in) > 0 && in[0] == '-'
	if negative {
		in = in[1:]
	}
	var hundreds int64
	if len(in) > 3 && in[3] == ':' {
		hundreds = int64(in[0] - '0')
		in = in[1:]
	}
	if len(in) < 8 || hundreds > 9 {
		return 0, false
	}
	hour, digits := twoDigits(in)
	t, ok := readMinutes(civil{hour: hour}, in[2:])
	micros = t.clock() + hundreds*360000e6
	if negative {
		micros = -micros
	}
	return micros, ok && digits
}

// temporalText lets zero_date and partial_date act on a text target too, which could hold such dates, where they are declared.
func (c *compiler) temporalText(next stage) stage {
	zero, partial := c.rules.ZeroDate, c.rules.PartialDate
	if zero.Word == "" && partial.Word == "" {
		return next
	}
	zeros, partials := c.guard(zeroDate, zero), c.guard(partialDate, partial)
	return func(dst, in []byte) ([]byte, bool, Hit, Fault) {
		t, ok := readCivil(in)
		switch {
		case !ok:
			return next(dst, in)
		case t.zero() && zero.Word != "":
			if zero.Word == To && string(in) == zero.To {
				return next(dst, in)
			}
			return zeros.resolve(dst)
		case !t.zero() && t.partial() && partial.Word == First:
			return after(partials.bit, next, dst, withFirst(in))
		case !t.zero() && t.partial() && partial.Word != "":
			return partials.resolve(dst)
		}
		return next(dst, in)
	}
}

// withFirst puts 01 in place of a month and day of 00 in a copy of a date's text.
func withFirst(in []byte) []byte {
	out := append([]byte(nil), in...)
	for _, at := range [2]int{5, 8} {
		if out[at] == '0' && out[at+1] == '0' {
			out[at+1] = '1'
		}
	}
	return out
}
