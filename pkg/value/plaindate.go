package value

import (
	"encoding/binary"
	"time"
)

// plainDate takes YYYY-MM-DD, a day of the years 1 to 9999.
func plainDate(dst, in []byte) ([]byte, bool) {
	if len(in) != 10 {
		return dst, false
	}
	days, ok := readPlainDate(in)
	if !ok {
		return dst, false
	}
	return binary.BigEndian.AppendUint32(dst, uint32(days)), true
}

// plainTime takes HH:MM:SS, a time of day.
func plainTime(dst, in []byte) ([]byte, bool) {
	if len(in) != 8 {
		return dst, false
	}
	seconds, ok := readPlainClock(in)
	if !ok {
		return dst, false
	}
	return binary.BigEndian.AppendUint64(dst, uint64(seconds*1e6)), true
}

// plainTimestamp takes YYYY-MM-DD HH:MM:SS, with a fraction of six digits or none.
func (c *compiler) plainTimestamp(k kind) plain {
	unit := units[c.to.fraction()]
	if k == kindTimestamptz && (c.class == local || c.class == dated) && c.rules.Zone != nil && c.rules.Zone != time.UTC {
		steady := steadyOf(c.rules.Zone)
		return func(dst, in []byte) ([]byte, bool) {
			micros, ok := readPlainWall(in)
			if !ok || micros%unit != 0 {
				return dst, false
			}
			offset, ok := steady.ahead(micros)
			if !ok {
				return dst, false
			}
			return binary.BigEndian.AppendUint64(dst, uint64(micros-offset)), true
		}
	}
	if unit == 1 {
		return func(dst, in []byte) ([]byte, bool) {
			micros, ok := readPlainWall(in)
			if !ok {
				return dst, false
			}
			return binary.BigEndian.AppendUint64(dst, uint64(micros)), true
		}
	}
	return func(dst, in []byte) ([]byte, bool) {
		micros, ok := readPlainWall(in)
		if !ok || micros%unit != 0 {
			return dst, false
		}
		return binary.BigEndian.AppendUint64(dst, uint64(micros)), true
	}
}

// What eight bytes of a date and of a clock are but for their digits, and what carries into the highest bit of a byte that is no digit, or
// another separator, once those are taken off.
const (
	dateFrame  = 0x2d30302d30303030 // 0000-00-
	dateSlack  = 0x7f76767f76767676
	clockFrame = 0x30303a30303a3030 // 00:00:00
	clockSlack = 0x76767f76767f7676
)

// pairs gives, at the byte of each digit, ten times the digit and the one behind it; not ok where the bytes do not have the frame.
func pairs(in []byte, frame, slack uint64) (p uint64, ok bool) {
	digits := binary.LittleEndian.Uint64(in) ^ frame
	return digits*10 + digits>>8, ((digits+slack)|digits)&highs == 0
}

// readPlainDate reads the first ten bytes: a day of the years 1 to 9999, in days since 2000-01-01.
func readPlainDate(in []byte) (days int64, ok bool) {
	p, ok := pairs(in, dateFrame, dateSlack)
	tens, ones := in[8]-'0', in[9]-'0'
	year, month, day := int(p&0xff)*100+int(p>>16&0xff), int(p>>40&0xff), int(tens)*10+int(ones)
	if !ok || tens > 9 || ones > 9 || year == 0 || month == 0 || month > 12 || day == 0 || day > 28 && day > daysIn(year, month) {
		return 0, false
	}
	return civil{year: year, month: month, day: day}.days(), true
}

// readPlainClock reads the first eight bytes: a time of day, in seconds.
func readPlainClock(in []byte) (seconds int64, ok bool) {
	p, ok := pairs(in, clockFrame, clockSlack)
	hour, minute, second := p&0xff, p>>24&0xff, p>>48&0xff
	return int64(hour*3600 + minute*60 + second), ok && hour <= 23 && minute <= 59 && second <= 59
}

// readPlainWall reads a date and a time of day, in microseconds since 2000-01-01 on the same wall.
func readPlainWall(in []byte) (micros int64, ok bool) {
	const whole, exact = len("2000-01-01 00:00:00"), len("2000-01-01 00:00:00.000000")
	if len(in) != whole && len(in) != exact || in[10] != ' ' {
		return 0, false
	}
	days, ok1 := readPlainDate(in)
	seconds, ok2 := readPlainClock(in[11:])
	micros = days*86400e6 + seconds*1e6
	if !ok1 || !ok2 || len(in) == whole {
		return micros, ok1 && ok2
	}
	fraction, ok := readDigits(in[whole+1:])
	return micros + int64(fraction), ok && in[whole] == '.'
}
