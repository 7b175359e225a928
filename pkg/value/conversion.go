package value

// conversion returns the stage that encodes a value of the class that reaches it for the target type. Where no value can reach it,
// because the map has an outcome of its own for each or the expression is NULL, any type goes. Where it can, short does the same.
func (c *compiler) conversion() (convert stage, short plain) {
	k := kindOf(c.to)
	if k == kindNone {
		c.errorf("target type %s is not supported: %s", c.to.Name, c.to.instead())
		return nil, never
	}
	if !c.rules.keeps() || c.from.Name == "NULL" {
		return func(dst, _ []byte) ([]byte, bool, Hit, Fault) { return refuse(dst, values) }, never
	}
	if c.class == unknown || c.class == vector || c.class == spatial && k != kindPoint {
		return c.missing("write a sql expression that makes text or a number of it"), never
	}
	return c.encoder(k), c.plain(k)
}

func (c *compiler) encoder(k kind) stage {
	switch k {
	case kindBoolean:
		return c.toBoolean()
	case kindSmallint, kindInteger, kindBigint:
		return c.toInteger(k.width())
	case kindReal, kindDouble:
		return c.toFloat(k)
	case kindNumeric:
		return c.toNumeric()
	case kindText, kindVarchar, kindChar:
		return c.toText(k)
	case kindDate:
		return c.toDate()
	case kindTime:
		return c.toTime()
	case kindTimestamp, kindTimestamptz:
		return c.toTimestamp(k)
	case kindUUID:
		return c.toUUID()
	case kindBytea:
		return c.toBytea()
	case kindJSON, kindJSONB:
		return c.toJSON(k)
	case kindEnum:
		return c.toEnum()
	}
	return c.rarer(k)
}

func (c *compiler) rarer(k kind) stage {
	switch k {
	case kindInterval:
		return c.toInterval()
	case kindInet, kindCIDR:
		return c.toInet(k == kindCIDR)
	case kindMacaddr:
		return c.toMAC(6)
	case kindMacaddr8:
		return c.toMAC(8)
	case kindBit, kindVarbit:
		return c.toBits(k)
	case kindPoint:
		return c.toPoint()
	}
	return c.toArray()
}

// missing reports that there is no free conversion, and what to write instead: what is best for the two types, else the advice.
func (c *compiler) missing(advice string) stage {
	if better := c.advice(); better != "" {
		advice = better
	}
	c.errorf("%s does not become %s by itself: %s", c.className(), c.to.Name, advice)
	return nil
}

const mapIt = "write values: {OLD: NEW} for each value"
