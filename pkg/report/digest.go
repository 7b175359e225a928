package report

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// The keys of the JSON over which there is no digest.
const (
	digestKey = "digest"
	sealKey   = "seal"
)

// A Made tells who made a report, when and how.
type Made struct {
	At      string `json:"at"` // RFC 3339, UTC
	By      string `json:"by"` // as the system names them, user@host
	Command string `json:"command"`
}

// Encoded returns the report as one indented JSON object, with its digest, and its seal where the report knows the migration's key.
func (r *Report) Encoded() ([]byte, error) {
	out := r.filled()
	out.Digest, out.Seal = "", ""
	bare, err := json.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("encode the report: %w", err)
	}
	v, err := decode(bare)
	if err != nil {
		return nil, fmt.Errorf("encode the report: %w", err)
	}
	out.Digest = digestOf(v)
	if r.key != nil {
		out.Seal = sealOf(r.key, out.Digest)
	}
	body, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode the report: %w", err)
	}
	return append(body, '\n'), nil
}

// digestOf returns the SHA-256 of the canonical form of all that the object holds beside digest and seal.
func digestOf(v any) string {
	rest := map[string]any{}
	object, _ := v.(map[string]any)
	for key, value := range object {
		if key != digestKey && key != sealKey {
			rest[key] = value
		}
	}
	sum := sha256.Sum256(canonical(nil, rest))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// sealOf returns the seal of a digest: only who can read the ledger can make it.
func sealOf(key []byte, digest string) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(digest))
	return "hmac-sha256:" + hex.EncodeToString(mac.Sum(nil))
}
