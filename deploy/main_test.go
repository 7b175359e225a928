// Package deploy holds what a deployment is made of, and the proof that it hangs together. It has no code of its own.
package deploy

import (
	"testing"

	"rehome/pkg/sandbox"
)

func TestMain(m *testing.M) { sandbox.Main(m) }

// mutant is a change to a text that has to be found fault with.
type mutant struct{ name, old, new, want string }
