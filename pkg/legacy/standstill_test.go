package legacy

import "testing"

// hasGTIDs reports whether the server gives GTIDs to all transactions: MariaDB does, MySQL where it is told to or is new enough.
func hasGTIDs(t *testing.T, db *DB) bool {
	t.Helper()
	if db.version.maria {
		return true
	}
	var mode string
	if err := db.pool.QueryRowContext(t.Context(), `SELECT @@GLOBAL.gtid_mode`).Scan(&mode); err != nil {
		t.Fatal(err)
	}
	return mode == "ON"
}

func TestStandstill(t *testing.T) {
	f := newFixture(t, `CREATE TABLE t (a INT PRIMARY KEY)`)
	reader := f.as(t, "plain", append([]string{"SELECT ON " + quote(f.name) + ".*"}, dialect.position...)...)
	position := func() string {
		t.Helper()
		p, err := reader.Position(t.Context())
		if err != nil || p.Text == "" {
			t.Fatalf("the position is %+v, %v", p, err)
		}
		return p.Text
	}
	still := func(positions ...string) bool {
		t.Helper()
		still, err := reader.Standstill(t.Context(), positions)
		if err != nil {
			t.Fatal(err)
		}
		return still
	}
	first := position()
	f.exec(t, `FLUSH BINARY LOGS`)
	second := position()
	t.Run("another file of the binlog is no change, where transactions are numbered", func(t *testing.T) {
		if first == second {
			t.Fatal("the position is the same in another file")
		}
		if got := still(second, first, second); got != hasGTIDs(t, reader) {
			t.Errorf("nothing was committed, and Standstill says %t", got)
		}
	})
	t.Run("a commit is a change, in whatever file", func(t *testing.T) {
		f.exec(t, `INSERT INTO t VALUES (1)`)
		third := position()
		f.exec(t, `FLUSH BINARY LOGS`)
		if still(second, third) || still(first, position()) || still(first, second, third) {
			t.Error("a commit is not seen")
		}
	})
	t.Run("one position is a standstill, and a file that is gone is not", func(t *testing.T) {
		if !still() || !still(first, first) {
			t.Error("the same position is another state")
		}
		if still(first, "gone.000001:4") {
			t.Error("nobody can know that")
		}
	})
}
