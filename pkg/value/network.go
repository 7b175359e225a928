package value

import (
	"net/netip"
)

// toInet reads an address with or without the length of its network, as PostgreSQL does but for the abbreviations of cidr, and for
// leading zeros, which some read as octal.
func (c *compiler) toInet(network bool) stage {
	switch c.class {
	case character, address:
	case integer:
		return c.missing("write sql: INET_NTOA(COLUMN)")
	case bytesOf:
		return c.missing("write sql: INET6_NTOA(COLUMN)")
	default:
		return c.missing("write a sql expression that makes text of it")
	}
	return func(dst, in []byte) ([]byte, bool, Hit, Fault) {
		prefix, ok := readNetwork(in)
		if !ok || network && prefix != prefix.Masked() {
			return refuse(dst, badInet)
		}
		return done(appendInet(dst, prefix, network), 0)
	}
}

// readNetwork reads an address as the network of that address alone.
func readNetwork(in []byte) (prefix netip.Prefix, ok bool) {
	const longest = len("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255/128")
	if len(in) > longest {
		return prefix, false
	}
	text := string(in)
	if prefix, err := netip.ParsePrefix(text); err == nil {
		return prefix, true
	}
	addr, err := netip.ParseAddr(text)
	return netip.PrefixFrom(addr, addr.BitLen()), err == nil && addr.Zone() == ""
}

// appendInet appends what inet_send and cidr_send send: family, length of the network, whether it is a cidr, and the address.
func appendInet(dst []byte, prefix netip.Prefix, network bool) []byte {
	const ipv4, ipv6 = 2, 3
	family, flag := byte(ipv6), byte(0)
	if prefix.Addr().Is4() {
		family = ipv4
	}
	if network {
		flag = 1
	}
	bytes := prefix.Addr().AsSlice()
	return append(append(dst, family, byte(prefix.Bits()), flag, byte(len(bytes))), bytes...)
}

// toMAC reads an address of so many bytes in the ways that PostgreSQL does, but for rare ones. It does not make eight bytes of six.
func (c *compiler) toMAC(size int) stage {
	switch c.class {
	case character:
	case bytesOf:
		return c.missing("write sql: HEX(COLUMN)")
	default:
		return c.missing("write a sql expression that makes text of it")
	}
	return func(dst, in []byte) ([]byte, bool, Hit, Fault) {
		out, ok := appendMAC(dst, in, size)
		if !ok {
			return refuse(dst, badMAC)
		}
		return done(out, 0)
	}
}

// appendMAC reads hexadecimal digits with the same separator after every so many of them, or with none.
func appendMAC(dst, in []byte, size int) ([]byte, bool) {
	separator, every := byte(0), 2*size
	for i, b := range in {
		if hexDigit[b] > 0xf {
			separator, every = b, i
			break
		}
	}
	switch {
	case every == 2*size: // none
	case every == 2 && (separator == ':' || separator == '-'):
	case every == 4 && (separator == '.' || separator == '-'):
	case every == size && size == 6 && (separator == ':' || separator == '-'):
	default:
		return dst, false
	}
	if len(in) != 2*size+(2*size-1)/every {
		return dst, false
	}
	at := 0
	for digit := 0; digit < 2*size; digit += 2 {
		if digit > 0 && digit%every == 0 {
			if in[at] != separator {
				return dst, false
			}
			at++
		}
		high, low := hexDigit[in[at]], hexDigit[in[at+1]]
		if high|low > 0xf {
			return dst, false
		}
		dst, at = append(dst, high<<4|low), at+2
	}
	return dst, true
}
