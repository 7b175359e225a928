package value

import (
	"encoding/binary"
	"math"
	"slices"
	"strings"
)

// A GEOMETRY arrives as the servers store it: four bytes of SRID, then well-known binary, little-endian on every machine.
const (
	sridBytes  = 4
	pointBytes = sridBytes + 1 + 4 + 8 + 8
)

// pointStart is an SRID of 0, the byte order and the type of a point.
var pointStart = []byte{0, 0, 0, 0, 1, 1, 0, 0, 0}

// toPoint takes points of the plane; a PostgreSQL point has no place for an SRID, which would be lost.
func (c *compiler) toPoint() stage {
	switch {
	case c.class != spatial:
		return c.missing("write sql: POINT(X, Y)")
	case c.from.Name != "POINT" && c.from.Name != "GEOMETRY":
		return c.missing("feed a text with sql: ST_AsText(COLUMN)")
	}
	return func(dst, in []byte) ([]byte, bool, Hit, Fault) {
		if len(in) != pointBytes || !slices.Equal(in[:len(pointStart)], pointStart) {
			return refuse(dst, badPoint)
		}
		for at := len(pointStart); at < pointBytes; at += 8 {
			dst = binary.BigEndian.AppendUint64(dst, binary.LittleEndian.Uint64(in[at:]))
		}
		return done(dst, 0)
	}
}

// literalPoint reads (X,Y).
func literalPoint(text []byte) ([]byte, Fault) {
	x, y, two := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(string(text), "("), ")"), ",")
	body := []byte{}
	for _, number := range []string{x, y} {
		f, ok := readFloat([]byte(strings.TrimSpace(number)), 64)
		if !two || !ok || math.IsInf(f, 0) {
			return nil, badSyntax
		}
		body = appendFloat(body, f, 64)
	}
	return body, ""
}
