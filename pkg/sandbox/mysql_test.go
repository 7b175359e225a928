package sandbox

import (
	"errors"
	"os/exec"
	"strings"
	"testing"
)

func TestMySQLServer(t *testing.T) {
	t.Run("says how a server is had where none is named", func(t *testing.T) {
		t.Setenv(mysqldEnv, "")
		if _, err := StartMySQL(t.Context(), Options{}); err == nil || !strings.Contains(err.Error(), "make test-mysql") {
			t.Errorf("StartMySQL = %v", err)
		}
	})
	t.Run("says which program is not there", func(t *testing.T) {
		t.Setenv(mysqldEnv, "/nowhere/mysqld")
		if _, err := StartMySQL(t.Context(), Options{}); !errors.Is(err, exec.ErrNotFound) && (err == nil || !strings.Contains(err.Error(), "/nowhere/mysqld")) {
			t.Errorf("StartMySQL = %v", err)
		}
	})
}
