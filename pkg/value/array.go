package value

import (
	"bytes"
	"encoding/binary"
)

// toArray makes an array of a SET's members, in the SET's order; of the empty one, an empty array.
func (c *compiler) toArray() stage {
	switch {
	case c.class == document:
		return c.missing("feed a jsonb")
	case c.class != character || c.from.Name != "SET":
		return c.missing("only a SET is a list; feed a jsonb or a text")
	}
	k := kindOf(*c.to.Element)
	switch k {
	case kindText, kindVarchar, kindChar, kindEnum:
	default:
		return c.missing("the members of a SET are text; feed an array of text or of an enum")
	}
	of := *c
	of.to = *c.to.Element
	member := of.encoder(k)
	c.names, c.errs = of.names, of.errs
	return arrayStage(c.to.Element.OID, member)
}

func arrayStage(element uint32, member stage) stage {
	return func(dst, in []byte) ([]byte, bool, Hit, Fault) {
		if len(in) == 0 {
			return done(appendArray(dst, element, 0), 0)
		}
		out, all := appendArray(dst, element, bytes.Count(in, comma)+1), Hit(0)
		for more := true; more; {
			var text []byte
			text, in, more = bytes.Cut(in, comma)
			at := len(out)
			var hit Hit
			var fault Fault
			out, _, hit, fault = member(append(out, 0, 0, 0, 0), text)
			if fault != "" {
				return refuse(dst, fault)
			}
			binary.BigEndian.PutUint32(out[at:], uint32(len(out)-at-4))
			all |= hit
		}
		return done(out, all)
	}
}

var comma = []byte{','}

// appendArray appends what array_send sends before the elements: dimensions, whether there are NULLs, the elements' type, and of the
// one dimension the length and the first index.
func appendArray(dst []byte, element uint32, n int) []byte {
	dims := min(n, 1)
	dst = binary.BigEndian.AppendUint64(dst, uint64(dims)<<32)
	dst = binary.BigEndian.AppendUint32(dst, element)
	if n == 0 {
		return dst
	}
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(dst, uint32(n)), 1)
}

// literalArray reads {a,b}, whose elements have neither quotes nor braces, as PostgreSQL does, but for NULL.
func literalArray(to TargetType, text []byte) ([]byte, Fault) {
	if len(text) < 2 || text[0] != '{' || text[len(text)-1] != '}' || bytes.ContainsAny(text[1:len(text)-1], "{}\"\\") {
		return nil, badSyntax
	}
	text = text[1 : len(text)-1]
	if len(bytes.TrimSpace(text)) == 0 {
		return appendArray(nil, to.Element.OID, 0), ""
	}
	parts := bytes.Split(text, comma)
	body := appendArray(nil, to.Element.OID, len(parts))
	for _, part := range parts {
		part = bytes.TrimSpace(part)
		if len(part) == 0 || bytes.EqualFold(part, []byte("NULL")) {
			return nil, badSyntax
		}
		element, fault := literal(*to.Element, part)
		if fault != "" {
			return nil, fault
		}
		body = append(binary.BigEndian.AppendUint32(body, uint32(len(element))), element...)
	}
	return body, ""
}
