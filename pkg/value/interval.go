package value

import "encoding/binary"

// toInterval keeps all of a TIME, which is a span rather than a time of day: hours beyond a day, and a sign. As PostgreSQL reads it,
// it has hours and no days.
func (c *compiler) toInterval() stage {
	switch {
	case !c.to.wholeInterval():
		c.errorf("an interval of some fields drops the others in silence: make the column an interval of all of them")
		return nil
	case c.class == integer || c.class == decimals:
		return c.missing("write sql: SEC_TO_TIME(COLUMN) if it counts seconds")
	case c.class == character:
		return c.missing("write sql: CAST(COLUMN AS TIME(6))")
	case c.class != clock:
		return c.missing("write a sql expression that makes a TIME of it")
	}
	unit := units[c.to.intervalFraction()]
	return func(dst, in []byte) ([]byte, bool, Hit, Fault) {
		micros, ok := readDuration(in)
		switch {
		case !ok:
			return refuse(dst, badSyntax)
		case micros%unit != 0:
			return refuse(dst, badScale)
		}
		return done(binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(dst, uint64(micros)), 0), 0)
	}
}
