package main

import (
	"encoding/json"
	"testing"

	"github.com/jackc/pgx/v5"

	"rehome/pkg/report"
	"rehome/pkg/sandbox"
	"rehome/pkg/sandbox/programs"
)

// Three shards were planned for a link that is much slower by night. The worker finds out with the first. It runs alone, as what others write
// to the server that the tests share would leave the source unproved.
func TestSlowLink(t *testing.T) {
	programs.Build(t)
	from := sandbox.MariaDB(t)
	fillLegacy(t, from, `
		INSERT INTO users SELECT seq, CONCAT('user ', seq), NOW() FROM seq_1_to_3000;
		INSERT INTO posts SELECT seq, 1 + seq DIV 9, CONCAT('title ', seq), REPEAT(MD5(seq), 30), NULL FROM seq_0_to_26999`)
	m := newMigrationOf(t, from, 10_000)
	proxy, over := sandbox.ProxyTo(t, from)
	proxy.Limit(4 << 20)
	env := append([]string{"REHOME_WAIT_LONG=1s"}, m.env...)
	env[1] = "LEGACY_DSN=" + over
	m.dir.Start(t, programs.Worker, env, "--slots", "1")
	producer := m.dir.Start(t, programs.Producer, m.env, "run", "--format", "json")
	exit := producer.Wait(t.Context())
	var result report.Report
	if err := json.Unmarshal([]byte(producer.Stdout()), &result); err != nil {
		t.Fatalf("read the report: %v\n%s", err, producer.Stderr())
	}
	if exit != 0 || result.Users.Migrated != 3000 || result.Tables[1].Written != 27_000 || result.ShardRows != 10_000 {
		t.Errorf("exit status %d, %+v, %+v: %v", exit, result.Users, result.Tables[1], result.Reasons)
	}
	conn, err := pgx.Connect(t.Context(), m.env[1][len("TARGET_DSN="):])
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	var whole, split, parts int
	var rows int64
	err = conn.QueryRow(t.Context(), `
		SELECT count(*) FILTER (WHERE state = 'done' AND parent = -1 AND weight > 2000), count(*) FILTER (WHERE state = 'split'),
		       count(*) FILTER (WHERE state = 'done' AND parent >= 0), sum(written) FILTER (WHERE state = 'done')
		  FROM rehome.shard WHERE kind = 'users' AND weight > 0`).Scan(&whole, &split, &parts, &rows)
	if err != nil || whole != 1 || split < 2 || parts != split+2 || rows != 30_000 {
		t.Errorf("%d shards were moved as they were planned, %d split into %d parts of %d rows: %v", whole, split, parts, rows, err)
	}
}
