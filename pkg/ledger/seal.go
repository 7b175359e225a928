package ledger

import (
	"crypto/hmac"
	"crypto/sha256"
)

// SealKey returns the key of the seals on this migration's reports. It tells nothing about the secret that it is made of, and no hash of a key that leaves the
// ledger, which is half as long, tells anything about it.
func (m *Migration) SealKey() []byte {
	mac := hmac.New(sha256.New, m.Secret)
	mac.Write([]byte("\x00rehome: seal of a report"))
	return mac.Sum(nil)
}
