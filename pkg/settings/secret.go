package settings

import (
	"fmt"
	"io"
	"log/slog"
)

// mask is what stands for every secret.
const mask = "xxxxx"

// Secret is a text that no formatting shows: printed, logged or marshalled in whatever way, it is "xxxxx". The zero
// Secret is empty and prints the same.
type Secret struct {
	// A pointer, because fmt calls no method on an unexported field of another struct: it would print a string, and
	// prints an address.
	text *string
}

// NewSecret keeps text.
func NewSecret(text string) Secret { return Secret{text: &text} }

// Reveal returns the text itself, for the one call that needs it.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// String returns "xxxxx".
func (s Secret) String() string { return mask }

// GoString returns "xxxxx".
func (s Secret) GoString() string { return mask }

// Format writes "xxxxx" for every verb.
func (s Secret) Format(f fmt.State, _ rune) { writeMasked(f, mask) }

// MarshalJSON returns "xxxxx" as a JSON text.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + mask + `"`), nil }

// MarshalText returns "xxxxx", for YAML, XML and map keys.
func (s Secret) MarshalText() ([]byte, error) { return []byte(mask), nil }

// LogValue returns "xxxxx".
func (s Secret) LogValue() slog.Value { return slog.StringValue(mask) }

// writeMasked leaves the error to fmt, which keeps it for the caller of Fprintf.
func writeMasked(w io.Writer, text string) { _, _ = io.WriteString(w, text) }
