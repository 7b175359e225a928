package mapping

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
)

// Canonical is what a mapping means, as JSON: the same for two files that differ only in comments, white space, spelling of
// defaults, the order of keys, or in legacy, target, stop and gates. Tables, columns, steps and waves keep their order.
func Canonical(f *File) []byte {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(f); err != nil {
		panic(err) // a File holds nothing that JSON cannot say
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}

// Hash is "sha256:" and the hexadecimal SHA-256 of Canonical.
func Hash(f *File) string {
	sum := sha256.Sum256(Canonical(f))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// Decode is the File that Canonical was made of, without positions, Source, Legacy, Target, Stop and gates. A key that this version
// does not know is an error: the mapping says something that would be lost.
func Decode(canonical []byte) (*File, error) {
	decoder := json.NewDecoder(bytes.NewReader(canonical))
	decoder.DisallowUnknownFields()
	f := &File{}
	if err := decoder.Decode(f); err != nil {
		return nil, fmt.Errorf("decode a stored mapping: %w", err)
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, fmt.Errorf("decode a stored mapping: something follows its end")
	}
	return f, nil
}
