package target

import (
	"encoding/binary"
	"errors"
)

// A field of a tuple, in COPY and in a result row alike, is a length word and so many bytes; the length -1 is NULL.
const (
	lengthWord = 4
	null       = 0xffffffff
)

func appendField(dst, value []byte) []byte {
	if value == nil {
		return binary.BigEndian.AppendUint32(dst, null)
	}
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(value)))
	return append(dst, value...)
}

func appendFields(dst []byte, values [][]byte) []byte {
	for _, v := range values {
		dst = appendField(dst, v)
	}
	return dst
}

// appendTuple appends a row as a binary COPY spells it.
func appendTuple(dst []byte, values [][]byte) []byte {
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(values)))
	return appendFields(dst, values)
}

// appendKey appends the fields of a tuple at the positions.
func appendKey(dst, tuple []byte, positions []int) ([]byte, error) {
	for _, at := range positions {
		if len(tuple) < 2 {
			return nil, errKeyShape
		}
		field, rest, err := cutField(tuple[2:])
		for range at {
			if err != nil {
				return nil, err
			}
			field, rest, err = cutField(rest)
		}
		if err != nil {
			return nil, err
		}
		dst = append(dst, field...)
	}
	return dst, nil
}

var errKeyShape = errors.New("a key does not consist of its columns' length words and bytes")

// cutField cuts the first field, length word included, off a key.
func cutField(key []byte) (field, rest []byte, err error) {
	if len(key) < lengthWord {
		return nil, nil, errKeyShape
	}
	size := binary.BigEndian.Uint32(key)
	if size == null {
		return key[:lengthWord], key[lengthWord:], nil
	}
	if uint64(size) > uint64(len(key)-lengthWord) {
		return nil, nil, errKeyShape
	}
	end := lengthWord + int(size)
	return key[:end], key[end:], nil
}

// columnsOf turns n keys into one list of fields for each of their columns.
func columnsOf(keys [][]byte, columns int) ([][][]byte, error) {
	out := make([][][]byte, columns)
	for _, key := range keys {
		for c := range out {
			field, rest, err := cutField(key)
			if err != nil {
				return nil, err
			}
			out[c] = append(out[c], field)
			key = rest
		}
		if len(key) > 0 {
			return nil, errKeyShape
		}
	}
	return out, nil
}

// arrayOf spells fields as a binary array of one dimension, as array_recv takes it.
func arrayOf(element uint32, fields [][]byte) []byte {
	var hasNull uint32
	for _, f := range fields {
		if binary.BigEndian.Uint32(f) == null {
			hasNull = 1
		}
	}
	out := binary.BigEndian.AppendUint32(nil, 1) // dimensions
	out = binary.BigEndian.AppendUint32(out, hasNull)
	out = binary.BigEndian.AppendUint32(out, element)
	out = binary.BigEndian.AppendUint32(out, uint32(len(fields)))
	out = binary.BigEndian.AppendUint32(out, 1) // lower bound
	for _, f := range fields {
		out = append(out, f...)
	}
	return out
}
