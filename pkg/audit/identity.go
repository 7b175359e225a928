package audit

import (
	"encoding/binary"
	"fmt"
	"math/big"
	"strings"

	"github.com/google/uuid"
)

// identity returns the identifier of a key as the product defines it, in its text form.
func identity(namespace, entity string, parts []string, ordered bool) string {
	space := uuid.NewSHA1(uuid.NameSpaceOID, []byte("rehome:"+namespace+":"+entity))
	id := uuid.NewSHA1(space, []byte(strings.Join(parts, "\x1f")))
	if ordered {
		return orderedIdentity(id, parts[0])
	}
	return id.String()
}

// orderedIdentity returns the UUID of version 8 whose first bits are the number + 2^64, in 65 bits, and whose last 57 are those of id.
func orderedIdentity(id uuid.UUID, number string) string {
	n, ok := new(big.Int).SetString(number, 10)
	if !ok {
		return ""
	}
	n.Lsh(n.Add(n, new(big.Int).Lsh(big.NewInt(1), 64)), 57)
	bits := fmt.Sprintf("%0122b", n.Or(n, new(big.Int).SetUint64(binary.BigEndian.Uint64(id[8:])&(1<<57-1))))
	whole, _ := new(big.Int).SetString(bits[:48]+"1000"+bits[48:60]+"10"+bits[60:], 2)
	return uuid.UUID(whole.FillBytes(make([]byte, 16))).String()
}
