package value

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"slices"
)

// decoded makes bytes of the value from here on; a text target takes them for text, which they have to be then.
func (c *compiler) decoded() {
	c.class = character
	if k := kindOf(c.to); k == kindBytea || k == kindUUID {
		c.class = bytesOf
	}
}

// hexStep decodes pairs of hexadecimal digits of either case.
func (c *compiler) hexStep(s Step) step {
	c.decoded()
	return rewrite(c.rule(s, false), func(in []byte) ([]byte, Fault) {
		out := make([]byte, hex.DecodedLen(len(in)))
		if _, err := hex.Decode(out, in); err != nil {
			return nil, stepHex
		}
		return out, ""
	})
}

// base64Step decodes RFC 4648's base64: padded and without line breaks, unless the arguments say otherwise.
func (c *compiler) base64Step(s Step) step {
	for i, arg := range s.Args {
		if !slices.Contains([]string{"url", "unpadded", "lines"}, arg) || slices.Contains(s.Args[:i], arg) {
			c.errorf("steps: base64 knows url, unpadded and lines, each once; write base64, or {base64: [url, unpadded]}")
			break
		}
	}
	encoding, lines := base64.StdEncoding, slices.Contains(s.Args, "lines")
	if slices.Contains(s.Args, "url") {
		encoding = base64.URLEncoding
	}
	if slices.Contains(s.Args, "unpadded") {
		encoding = encoding.WithPadding(base64.NoPadding)
	}
	encoding = encoding.Strict()
	c.decoded()
	return rewrite(c.rule(s, false), func(in []byte) ([]byte, Fault) {
		if !lines && bytes.ContainsAny(in, "\r\n") { // which the decoder would skip
			return nil, stepBase64
		}
		out := make([]byte, encoding.DecodedLen(len(in)))
		n, err := encoding.Decode(out, in)
		if err != nil {
			return nil, stepBase64
		}
		return out[:n], ""
	})
}
