package settings

import (
	"fmt"
	"strings"
)

// StrictRoles is a setting of the commands that go by RefuseExcess.
const StrictRoles Field = "strict-roles" // REHOME_STRICT_ROLES

// RefuseExcess returns an error under ExitRefused that lists rights which go beyond what the program needs, where it was told to be strict
// about them and there are any.
func (s *Settings) RefuseExcess(rights []string) error {
	if !s.Strict || len(rights) == 0 {
		return nil
	}
	return WithExit(ExitRefused, fmt.Errorf("--strict-roles refuses rights that are not needed:\n  %s", strings.Join(rights, "\n  ")))
}
