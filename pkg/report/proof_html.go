package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
)

// How the page carries the report's data and its own digest. The data is JSON in which < is spelled \u003c.
const (
	dataOpens  = `<script type="application/json" id="report">`
	dataCloses = `</script>`
	pageOpens  = `<meta name="rehome-page" content="`
	pageCloses = `">`
)

// A pageDigest is that of a page, as it is while nothing stands in the place of the digest, and its seal.
type pageDigest struct{ told, got, seal string }

// embedded returns the JSON of a file that holds it alone, or as a page.
func embedded(file []byte) (body []byte, page *pageDigest, err error) {
	file = bytes.TrimSpace(file)
	if bytes.HasPrefix(file, []byte("{")) {
		return file, nil, nil
	}
	_, rest, found := bytes.Cut(file, []byte(dataOpens))
	body, _, closed := bytes.Cut(rest, []byte(dataCloses))
	if !found || !closed {
		return nil, nil, errors.New("the file is neither a report in JSON, nor an HTML page of one")
	}
	before, rest, found := bytes.Cut(file, []byte(pageOpens))
	told, after, closed := bytes.Cut(rest, []byte(pageCloses))
	if !found || !closed {
		return body, &pageDigest{got: "no digest of its own"}, nil
	}
	digest, seal, _ := strings.Cut(string(told), " ")
	return body, &pageDigest{digest, digestOfPage(before, after), seal}, nil
}

// told is what a page says of itself: the digest of what is before and behind that place, and its seal.
func (r *Report) told(before, after []byte) string {
	digest := digestOfPage(before, after)
	if r.key == nil {
		return digest
	}
	return digest + " " + sealOf(r.key, digest)
}

func digestOfPage(before, after []byte) string {
	hash := sha256.New()
	hash.Write(before)
	hash.Write([]byte(pageOpens + pageCloses)) // or the place could be another
	hash.Write(after)
	return "sha256:" + hex.EncodeToString(hash.Sum(nil))
}
