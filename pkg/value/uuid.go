package value

// hexDigit maps a hexadecimal digit to its value, every other byte to 0xff.
var hexDigit = func() (table [256]byte) {
	for i := range table {
		table[i] = 0xff
	}
	for i := range byte(10) {
		table['0'+i] = i
	}
	for i := range byte(6) {
		table['a'+i], table['A'+i] = 10+i, 10+i
	}
	return table
}()

func (c *compiler) toUUID() stage {
	switch c.class {
	case character, identifier:
		return func(dst, in []byte) ([]byte, bool, Hit, Fault) {
			id, ok := readUUID(in)
			if !ok {
				return refuse(dst, badUUID)
			}
			return done(append(dst, id[:]...), 0)
		}
	case bytesOf:
		return func(dst, in []byte) ([]byte, bool, Hit, Fault) {
			if len(in) != 16 {
				return refuse(dst, badUUID)
			}
			return done(append(dst, in...), 0)
		}
	}
	return c.missing("write {uuid: ENTITY, of: COLUMN}")
}

// readUUID reads 32 hexadecimal digits of either case, with a hyphen after the 8th, 12th, 16th and 20th or with none.
func readUUID(in []byte) (id [16]byte, ok bool) {
	hyphens := len(in) == 36
	if !hyphens && len(in) != 32 {
		return id, false
	}
	at := 0
	for i := range id {
		if hyphens && (i == 4 || i == 6 || i == 8 || i == 10) {
			if in[at] != '-' {
				return id, false
			}
			at++
		}
		high, low := hexDigit[in[at]], hexDigit[in[at+1]]
		if high|low > 0xf {
			return id, false
		}
		id[i] = high<<4 | low
		at += 2
	}
	return id, true
}
