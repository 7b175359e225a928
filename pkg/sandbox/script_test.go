package sandbox

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

const script = "CREATE TABLE t (id INT PRIMARY KEY, body TEXT);\nINSERT INTO t VALUES (1, 'caf\u00e9 \U0001F600'), (2, '0000');\n"

func TestLoadScript(t *testing.T) {
	t.Run("loads plain and compressed text, as utf8mb4", func(t *testing.T) {
		var zipped bytes.Buffer
		w := gzip.NewWriter(&zipped)
		if _, err := io.WriteString(w, script); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		for _, source := range []io.Reader{strings.NewReader(script), &zipped} {
			dsn := MariaDB(t)
			if err := LoadScript(t.Context(), dsn, source); err != nil {
				t.Fatal(err)
			}
			if got := text(t, dsn, "SELECT body FROM t WHERE id = 1"); got != "caf\u00e9 \U0001F600" {
				t.Errorf("body = %q", got)
			}
		}
	})
	t.Run("stops at a statement that fails, without its password", func(t *testing.T) {
		dsn := MariaDB(t)
		err := LoadScript(t.Context(), dsn, strings.NewReader("SELECT nothing FROM nowhere;"))
		cfg, cfgErr := mysqlConfig(dsn)
		if cfgErr != nil {
			t.Fatal(cfgErr)
		}
		if err == nil || !strings.Contains(err.Error(), "1146") || strings.Contains(err.Error(), cfg.Passwd) {
			t.Errorf("LoadScript = %v", err)
		}
	})
	t.Run("is not content with a script that breaks off", func(t *testing.T) {
		broken := errors.New("disk gone")
		source := io.MultiReader(strings.NewReader(script), iotest.ErrReader(broken))
		if err := LoadScript(t.Context(), MariaDB(t), source); !errors.Is(err, broken) {
			t.Errorf("LoadScript = %v, want %v", err, broken)
		}
	})
}

func text(t *testing.T, dsn, query string) string {
	t.Helper()
	db, err := Open(dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var value string
	if err := db.QueryRowContext(t.Context(), query).Scan(&value); err != nil {
		t.Fatal(err)
	}
	return value
}
