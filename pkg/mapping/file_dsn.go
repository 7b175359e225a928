package mapping

import (
	"fmt"
	"io"
	"log/slog"
)

// DSN is a connection string of the file. It prints as "(dsn)" in every way that fmt and slog know, because it may hold
// a password.
type DSN struct {
	Unset []string // names of ${NAME} that the environment does not have, in order; Value is empty then
	Pos   Pos

	raw, value string
}

// Value is the DSN with every ${NAME} replaced; empty if the file gives none, or if a name in it is not set.
func (d DSN) Value() string { return d.value }

// Raw is the DSN as the file has it. It may hold a password too.
func (d DSN) Raw() string { return d.raw }

// Equal reports whether both say the same at the same place.
func (d DSN) Equal(other DSN) bool {
	return fmt.Sprint(d.Unset) == fmt.Sprint(other.Unset) && d.Pos == other.Pos && d.raw == other.raw && d.value == other.value
}

// String hides the DSN.
func (d DSN) String() string { return "(dsn)" }

// Format hides the DSN from every verb, %#v too.
func (d DSN) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "(dsn)") }

// LogValue hides the DSN from slog.
func (d DSN) LogValue() slog.Value { return slog.StringValue("(dsn)") }

// MarshalText hides the DSN from encoders.
func (d DSN) MarshalText() ([]byte, error) { return []byte("(dsn)"), nil }
