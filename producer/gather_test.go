package main_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"rehome/pkg/report"
	"rehome/pkg/sandbox"
)

// A site of 3,000 users whose attributes stand in a table of their own, as WordPress has them, with what goes wrong in such tables.
const (
	metaLegacy = `
CREATE TABLE wp_users (ID BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, user_login VARCHAR(60) NOT NULL, user_email VARCHAR(100) NOT NULL);
CREATE TABLE wp_usermeta (umeta_id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, user_id BIGINT UNSIGNED NOT NULL DEFAULT 0,
	meta_key VARCHAR(255) COLLATE utf8mb4_general_ci, meta_value LONGTEXT, KEY (user_id), KEY (meta_key(191)));
INSERT INTO wp_users SELECT seq, IF(seq BETWEEN 2901 AND 2920, 'ghost', CONCAT('u', seq)), CONCAT('u', IF(seq = 42, 41, seq), '@x.example') FROM seq_1_to_3000;
INSERT INTO wp_usermeta (user_id, meta_key, meta_value)
	SELECT seq, 'nickname', CONCAT('n', seq) FROM seq_1_to_3000
	UNION ALL SELECT seq, 'first_name', CONCAT(' Ada ', seq, ' ') FROM seq_1_to_3000 WHERE seq % 10 > 0
	UNION ALL SELECT seq, 'wp_capabilities', IF(seq % 100 = 0, 'a:2:{s:13:"administrator";b:1;s:6:"editor";b:1;}', 'a:1:{s:10:"subscriber";b:1;}') FROM seq_1_to_3000
	UNION ALL SELECT seq, 'wp_user_level', '0' FROM seq_1_to_3000
	UNION ALL SELECT seq, 'description', CONCAT('"\\', CHAR(9), '😀 ', seq) FROM seq_1_to_3000 WHERE seq % 7 = 0
	UNION ALL SELECT seq, 'description', NULL FROM seq_1_to_3000 WHERE seq % 7 > 0 AND seq % 11 = 0
	UNION ALL SELECT seq, 'session_tokens', 'secret' FROM seq_1_to_3000 WHERE seq % 3 = 0
	UNION ALL SELECT seq, 'session_tokens', 'secret' FROM seq_1_to_3000 WHERE seq % 3 = 0;
DELETE FROM wp_usermeta WHERE user_id BETWEEN 2001 AND 2010;
UPDATE wp_usermeta SET meta_value = REPEAT('ä', 400000) WHERE meta_key = 'nickname' AND user_id BETWEEN 1000 AND 1020;
INSERT INTO wp_usermeta (user_id, meta_key, meta_value) VALUES (201, 'first_name', 'Eve'), (401, 'first_name', NULL), (501, 'nickname', 'n501'),
	(333, 'plugin_xyz', '1'), (666, 'plugin_xyz', '1'), (888, 'Nickname', 'N'), (999, NULL, 'x'),
	(0, 'nickname', 'nobody'), (0, 'first_name', 'no'), (0, 'plugin_xyz', '1'), (999999, 'nickname', 'gone'), (999999, 'session_tokens', 'gone');
UPDATE wp_usermeta SET meta_value = 'a:1:{s:10:"subscriber";b:' WHERE user_id = 777 AND meta_key = 'wp_capabilities';`

	metaTarget = `CREATE SCHEMA app; CREATE TABLE app.users (id uuid PRIMARY KEY, lid bigint NOT NULL, email text NOT NULL UNIQUE, first_name text, roles jsonb,
	settings jsonb NOT NULL);`

	metaMapping = labHead + `users: {from: wp_users, key: ID, shard_rows: 3000}
tables:
  - into: app.users
    from: wp_users
    user: ID
    where: user_login <> 'ghost'
    rest: leave
    columns: {id: {uuid: user, of: ID}, lid: ID, email: user_email}
    gather:
      from: wp_usermeta
      user: user_id
      name: meta_key
      value: meta_value
      columns:
        first_name: {of: first_name, steps: [trim]}
        roles: {of: wp_capabilities, steps: [php]}
      keep: {into: settings, like: ["wp\\_%", nickname, description]}
      leave: {session_tokens: everybody signs in anew}
    ignore: {umeta_id: attributes have no keys any more}
`
	// metaOut are the users who are quarantined, and metaGhosts those whom where leaves out.
	metaOut    = "41, 42, 201, 401, 501, 333, 666, 777, 888, 999"
	metaGhosts = "SELECT ID FROM wp_users WHERE user_login = 'ghost'"
)

// table returns the sums of what the entry reads from the table.
func tableFrom(t *testing.T, r report.Report, from string) report.Table {
	t.Helper()
	i := slices.IndexFunc(r.Tables, func(table report.Table) bool { return table.From == from })
	if i < 0 {
		t.Fatalf("the report has no table from %s", from)
	}
	return r.Tables[i]
}

// fromLegacy returns the one number that the query yields.
func (l *lab) fromLegacy(query string) (n int64) {
	l.Helper()
	db, err := sandbox.Open(l.legacy)
	if err != nil {
		l.Fatal(err)
	}
	defer db.Close()
	if err := db.QueryRowContext(l.ctx, query).Scan(&n); err != nil {
		l.Fatalf("%s: %v", query, err)
	}
	return n
}

// triples returns what the query yields, user, name and value a line, in order.
func (l *lab) legacyTriples(query string) (out []string) {
	l.Helper()
	db, err := sandbox.Open(l.legacy)
	if err != nil {
		l.Fatal(err)
	}
	defer db.Close()
	rows, err := db.QueryContext(l.ctx, query)
	if err != nil {
		l.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var user int64
		var name string
		var value *string
		if err := rows.Scan(&user, &name, &value); err != nil {
			l.Fatal(err)
		}
		out = append(out, triple(user, name, value))
	}
	if err := rows.Err(); err != nil {
		l.Fatal(err)
	}
	slices.Sort(out)
	return out
}

func (l *lab) targetTriples(query string) (out []string) {
	l.Helper()
	rows, err := l.conn.Query(l.ctx, query)
	if err != nil {
		l.Fatal(err)
	}
	var user int64
	var name string
	var value *string
	if _, err := pgx.ForEachRow(rows, []any{&user, &name, &value}, func() error {
		out = append(out, triple(user, name, value))
		return nil
	}); err != nil {
		l.Fatal(err)
	}
	slices.Sort(out)
	return out
}

func triple(user int64, name string, value *string) string {
	if value == nil {
		return fmt.Sprintf("%d %s NULL", user, name)
	}
	return fmt.Sprintf("%d %s %q", user, name, *value)
}

// sameAttributes compares, by SQL of each side, the attributes of those who are not out.
func (l *lab) sameAttributes(out string) {
	l.Helper()
	want := l.legacyTriples(`SELECT user_id, meta_key, CASE WHEN meta_key = 'first_name' THEN TRIM(meta_value)
		WHEN meta_key = 'wp_capabilities' THEN IF(meta_value LIKE '%administrator%', 'administrator,editor', 'subscriber') ELSE meta_value END
		FROM wp_usermeta WHERE user_id IN (SELECT ID FROM wp_users) AND user_id NOT IN (` + metaGhosts + `) AND user_id NOT IN (` + out + `)
		AND CAST(meta_key AS BINARY) NOT IN ('session_tokens', 'plugin_xyz')`)
	got := l.targetTriples(`SELECT lid, key, value FROM app.users, jsonb_each_text(settings)
		UNION ALL SELECT lid, 'first_name', first_name FROM app.users WHERE first_name IS NOT NULL
		UNION ALL SELECT lid, 'wp_capabilities', (SELECT string_agg(key, ',' ORDER BY key) FROM jsonb_each(roles)) FROM app.users WHERE roles IS NOT NULL`)
	if len(want) != len(got) {
		l.Errorf("the target has %d attributes, want %d", len(got), len(want))
	}
	for i := range min(len(want), len(got)) {
		if want[i] != got[i] {
			l.Fatalf("the target has %.200s, want %.200s", got[i], want[i])
		}
	}
}

func TestAttributesBecomeColumns(t *testing.T) {
	t.Run("each attribute is gathered, left or set aside with its user", func(t *testing.T) {
		l := newLab(t, metaLegacy, metaTarget, metaMapping)
		r := l.reports(4)
		users, meta := tableFrom(t, r, "wp_users"), tableFrom(t, r, "wp_usermeta")
		out := l.fromLegacy(`SELECT COUNT(*) FROM wp_usermeta WHERE user_id IN (` + metaOut + `) OR user_id NOT IN (SELECT ID FROM wp_users)`)
		left := l.fromLegacy(`SELECT COUNT(*) FROM wp_usermeta WHERE user_id IN (` + metaGhosts + `) OR meta_key = 'session_tokens'
			AND user_id IN (SELECT ID FROM wp_users) AND user_id NOT IN (` + metaOut + `)`)
		all := l.fromLegacy(`SELECT COUNT(*) FROM wp_usermeta`)
		want := report.Table{Into: "app.users", From: "wp_usermeta", Planned: all, Source: all, Closing: all, Read: all, Gathered: all - out - left, SetAside: out, LeftOut: left}
		if meta != want {
			t.Errorf("got %+v, want %+v", meta, want)
		}
		if users.Written != 2970 || users.SetAside != 10 || users.LeftOut != 20 || users.Unexplained != 0 || r.Users.Quarantined != 10 {
			t.Errorf("users: %+v, of them quarantined %d", users, r.Users.Quarantined)
		}
		causes := map[string][2]int64{}
		for _, c := range r.Causes {
			causes[c.Cause] = [2]int64{c.Users, c.Rows}
		}
		if diff := cmp.Diff(map[string][2]int64{
			"gather:app.users": {4, 4}, "gather:app.users.first_name": {2, 2}, "gather:app.users.settings": {1, 1}, "php:app.users.roles": {1, 1},
			"unique:app.users.users_email_key": {2, 2}, "unowned:app.users": {0, 5},
		}, causes); diff != "" {
			t.Error(diff)
		}
		for _, table := range r.Legacy {
			if table.Unexplained != 0 || table.Table == "wp_usermeta" && table.Used != all {
				t.Errorf("%+v", table)
			}
		}
		l.sameAttributes(metaOut)
		l.holds(fmt.Sprint(meta.Gathered), `SELECT sum((first_name IS NOT NULL)::int + (roles IS NOT NULL)::int + (SELECT count(*) FROM jsonb_object_keys(settings))) FROM app.users`)
		l.holds("10", `SELECT count(*) FROM app.users WHERE settings = '{}' AND first_name IS NULL AND roles IS NULL`)
		l.does("reset --yes", 0)
		l.holds("0", `SELECT count(*) FROM app.users`)
	})

	t.Run("what the mapping says of each of them makes it clean", func(t *testing.T) {
		l := newLab(t, metaLegacy+`UPDATE wp_users SET user_email = 'u42@x.example' WHERE ID = 42; 
			UPDATE wp_usermeta SET meta_key = 'nickname' WHERE meta_key = BINARY 'Nickname' OR meta_key IS NULL;
			UPDATE wp_usermeta SET meta_value = NULL WHERE user_id = 777 AND meta_key = 'wp_capabilities';`, metaTarget,
			strings.NewReplacer("    rest: leave\n", "    rest: leave\n    unowned: leave\n", "leave: {session", "many: first\n      leave: {plugin_xyz: nobody knows it, session").Replace(metaMapping))
		r := l.reports(0)
		meta := tableFrom(t, r, "wp_usermeta")
		doubles := l.fromLegacy(`SELECT COUNT(*) - COUNT(DISTINCT user_id, meta_key) FROM wp_usermeta WHERE user_id IN (201, 401, 501, 888, 999) AND meta_key <> 'session_tokens'`)
		left := doubles + l.fromLegacy(`SELECT COUNT(*) FROM wp_usermeta WHERE user_id IN (`+metaGhosts+`) OR user_id NOT IN (SELECT ID FROM wp_users) OR meta_key IN ('session_tokens', 'plugin_xyz')`)
		if meta.LeftOut != left || doubles < 4 || meta.SetAside != 0 || meta.Gathered+left != meta.Source || r.Verdict != report.Clean {
			t.Errorf("%d doubles, %d left: %+v", doubles, left, meta)
		}
		l.holds("u42@x.example", `SELECT email FROM app.users WHERE lid = 42`)
		l.holds("Ada 201", `SELECT first_name FROM app.users WHERE lid = 201`)
	})
}
