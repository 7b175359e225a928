package value

// Loses returns those of the program's rules after which the legacy value can no longer be told from the new one: what they changed is
// gone unless the original is kept. What only writes a value in another way (date, unix, php, hex, base64, charset, a json of the whole
// document, bad_text: cp1252, dst_overlap: first or second) is not among them.
func (p *Program) Loses() Hit { return p.loses }

// losing is all rules but those that are known to lose nothing.
func (c *compiler) losing() Hit {
	all := Hit(1)<<len(c.names) - 1
	harmless := c.exact &^ c.lossy
	for i, name := range c.names {
		switch {
		case name == badText && c.rules.BadText.Word == CP1252, name == dstOverlap && c.rules.DSTOverlap.Word != ToNull:
			harmless |= 1 << i
		}
	}
	return all &^ harmless
}
