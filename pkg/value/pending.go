package value

func (c *compiler) toFloat(k kind) stage     { return c.missing("not built yet") }
func (c *compiler) toNumeric() stage         { return c.missing("not built yet") }
func (c *compiler) toJSON(k kind) stage      { return c.missing("not built yet") }
func (c *compiler) dateStep([]string) step   { return emptyToNull(0) }
func readWhole(in []byte) (magnitude, Fault) { return readInteger(in) }
