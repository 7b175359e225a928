package sandbox

import (
	"encoding/json"
	"os"
	"testing"
)

// holderEnv makes the child of TestEndOfOwner hold a sandbox; the holding is written to standard output.
const holderEnv = "REHOME_SANDBOX_TEST_HOLDER"

type holding struct {
	PIDs []int
	Dirs []string
}

func TestMain(m *testing.M) { Main(m) }

// TestHolder is the child's part of TestEndOfOwner, and nothing elsewhere.
func TestHolder(t *testing.T) {
	if os.Getenv(holderEnv) == "" {
		return
	}
	MariaDB(t)
	Postgres(t)
	held := holding{
		PIDs: []int{shared.mariadb.PID(), shared.postgres.PID()},
		Dirs: []string{shared.mariadb.Dir(), shared.postgres.Dir()},
	}
	if err := json.NewEncoder(os.Stdout).Encode(held); err != nil {
		t.Fatal(err)
	}
	select {}
}
