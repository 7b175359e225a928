package value

import "slices"

// A plain appends the body of a value that the target takes as it is: no rule changes it, no policy is asked about it, and nothing refuses
// it. It is not ok, and gives dst as it was, where that cannot be told at a glance: the stages tell it then. Nearly every value of a
// migration is plain, which is why this way is short: whatever it appends, the stages would append, too.
type plain func(dst, in []byte) (out []byte, ok bool)

// never is of types whose values are read by the stages alone.
func never(dst, _ []byte) ([]byte, bool) { return dst, false }

// plain returns the short way from the class that reaches the conversion to the target type.
func (c *compiler) plain(k kind) plain {
	switch k {
	case kindBoolean:
		return pick(c.class, plainBoolean, integer)
	case kindSmallint, kindInteger, kindBigint:
		return pick(c.class, plainInteger(k.width()), integer)
	case kindReal, kindDouble:
		return c.plainFloat(k)
	case kindNumeric:
		return pick(c.class, c.plainNumeric(), integer, decimals)
	case kindText, kindVarchar, kindChar:
		return c.plainText(k)
	case kindDate:
		return pick(c.class, plainDate, day, dated, moment)
	case kindTime:
		return pick(c.class, plainTime, clock)
	case kindTimestamp, kindTimestamptz:
		return pick(c.class, c.plainTimestamp(k), local, instant, dated, moment)
	case kindUUID:
		return pick(c.class, plainUUID, character, identifier)
	}
	return never
}

// pick returns the way of a class that takes it.
func pick(of class, way plain, takes ...class) plain {
	if slices.Contains(takes, of) {
		return way
	}
	return never
}

// orElse is the conversion of a value that steps have made: the short way, or the other.
func (p plain) orElse(convert stage) stage {
	return func(dst, in []byte) ([]byte, bool, Hit, Fault) {
		if out, ok := p(dst, in); ok {
			return done(out, 0)
		}
		return convert(dst, in)
	}
}
