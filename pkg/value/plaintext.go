package value

import "bytes"

// plainText takes UTF-8 without a NUL that has no more characters than the target's length.
func (c *compiler) plainText(k kind) plain {
	switch c.class {
	case bitString:
		return never
	case day, local, instant:
		if c.rules.ZeroDate.Word != "" || c.rules.PartialDate.Word != "" {
			return never // they act on texts, too
		}
	}
	length := c.to.characters()
	switch {
	case length == 0:
		return plainUnlimited
	case k == kindChar:
		return plainChar(length)
	}
	return func(dst, in []byte) ([]byte, bool) {
		if n, ok := characters(in); !ok || n > length {
			return dst, false
		}
		return append(dst, in...), true
	}
}

func plainUnlimited(dst, in []byte) ([]byte, bool) {
	if _, ok := characters(in); !ok {
		return dst, false
	}
	return append(dst, in...), true
}

// plainChar fills a text up with blanks to the length that it has in the target.
func plainChar(length int) plain {
	blanks := bytes.Repeat([]byte{' '}, length)
	return func(dst, in []byte) ([]byte, bool) {
		n, ok := characters(in)
		if !ok || n > length {
			return dst, false
		}
		return append(append(dst, in...), blanks[n:]...), true
	}
}
