package main

import (
	"encoding/json"
	"testing"

	"rehome/pkg/report"
	"rehome/pkg/sandbox"
	"rehome/pkg/sandbox/programs"
)

// A worker that does users again needs no more memory than one that brings them, whatever they have.
func TestRedoPeakMemory(t *testing.T) {
	programs.Build(t)
	for _, c := range []struct {
		name, fill, change string
		limit              int64 // bytes
		posts              int64
	}{
		{
			name: "one user of 200,000 rows, of which a third has changed",
			fill: `INSERT INTO users VALUES (1, 'busy', NOW());
				INSERT INTO posts SELECT seq, 1, CONCAT('title ', seq), NULL, NULL FROM seq_1_to_200000`,
			change: `UPDATE posts SET title = CONCAT(title, '!') WHERE id MOD 3 = 0`,
			limit:  150 * mib, posts: 200_000,
		},
		{
			name: "a user with several rows of 32 MiB of bytes",
			fill: `INSERT INTO users SELECT seq, CONCAT('user ', seq), NOW() FROM seq_1_to_2;
				INSERT INTO posts SELECT seq, 2, CONCAT('title ', seq), NULL, REPEAT(UNHEX(MD5(seq)), 2097152) FROM seq_1_to_4`,
			change: `UPDATE posts SET file = CONCAT(file, 'x')`,
			limit:  300 * mib, posts: 4,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMemoryMigration(t, c.fill)
			worker := m.dir.Start(t, programs.Worker, m.env, "--slots", "1")
			if exit := m.dir.Start(t, programs.Producer, m.env, "run").Wait(t.Context()); exit != 0 {
				t.Fatalf("the run ends with %d", exit)
			}
			loaded := worker.MaxRSS()
			db, err := sandbox.Open(legacyOf(m))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = db.Close() }() // what it wrote is there, or Exec has said why not
			if _, err := db.ExecContext(t.Context(), c.change); err != nil {
				t.Fatal(err)
			}
			producer := m.dir.Start(t, programs.Producer, m.env, "run", "--again", "--format", "json")
			exit := producer.Wait(t.Context())
			var result report.Report
			if err := json.Unmarshal([]byte(producer.Stdout()), &result); err != nil || exit != 0 {
				t.Fatalf("read the report: %v; it ends with %d\n%s", err, exit, producer.Stderr())
			}
			peak := worker.MaxRSS()
			t.Logf("the worker's peak memory was %.1f MiB, after the load %.1f MiB", float64(peak)/mib, float64(loaded)/mib)
			if peak > c.limit {
				t.Errorf("the worker needed %d MiB, and %d are promised", peak/mib, c.limit/mib)
			}
			if got := result.Tables[1]; got.Written != c.posts || got.Unexplained != 0 {
				t.Errorf("%d posts are written, want %d", got.Written, c.posts)
			}
		})
	}
}

// legacyOf returns the address of the legacy database.
func legacyOf(m memoryMigration) string { return m.env[0][len("LEGACY_DSN="):] }
