//go:build mysql

package sandbox

import "testing"

// Legacy is MySQL in a build with the tag mysql, and else MariaDB: for tests of what holds for both.
func Legacy(t testing.TB) string {
	t.Helper()
	return MySQL(t)
}
