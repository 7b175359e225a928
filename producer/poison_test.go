package main_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"rehome/pkg/checksum"
	"rehome/pkg/report"
	"rehome/pkg/sandbox/programs"
)

// poisonUsers are the users of the poisoned site; of each way to poison one there are three.
const poisonUsers = 3600

// poisonLegacy poisons users in twelve ways, each user whose id divided by 1200 leaves 100, 200 and so on in one of them.
const poisonLegacy = `
	SET sql_mode = '';
	CREATE TABLE users (id INT PRIMARY KEY, kind TINYINT, joined DATETIME, born DATE, bio TEXT, signature VARBINARY(40));
	INSERT INTO users SELECT seq, IF(seq MOD 1200 = 100, 9, seq MOD 2), IF(seq MOD 1200 = 200, '0000-00-00 00:00:00', '2019-05-06 07:08:09'),
		IF(seq MOD 1200 = 300, '1990-00-00', '1990-02-03'), IF(seq MOD 1200 = 400, CONCAT('a', CHAR(0), 'b'), CONCAT('bio of ', seq)),
		IF(seq MOD 1200 = 500, x'416e64e9', 'regards')
		FROM seq_1_to_3600;
	CREATE TABLE posts (id INT PRIMARY KEY, user_id INT NOT NULL, reply_to INT, score BIGINT, title VARCHAR(100), body TEXT, written DATETIME, KEY (user_id));
	INSERT INTO posts SELECT seq, 1 + (seq - 1) MOD 3600, IF(seq > 3600, seq - 3600, NULL), IF(seq MOD 1200 = 600 AND seq <= 3600, 3000000000, seq),
		IF(seq MOD 1200 = 700 AND seq > 3600, REPEAT('long ', 12), CONCAT('post ', seq)),
		CASE WHEN seq <= 3600 AND seq MOD 1200 = 800 THEN NULL WHEN seq <= 3600 AND seq MOD 1200 = 900 THEN REPEAT('wide ', 12000) ELSE CONCAT('body ', seq) END,
		IF(seq <= 3600 AND seq MOD 1200 = 1000, '2020-03-29 02:30:00', '2020-03-28 02:30:00')
		FROM seq_1_to_7200;
	CREATE TABLE settings (user_id INT PRIMARY KEY, seen VARCHAR(20), doc JSON, theme VARCHAR(10));
	INSERT INTO settings SELECT seq, IF(seq MOD 1200 = 1100, '31.12.2020', '2020-12-31'), IF(seq MOD 1200 = 0, '{"a": "\\u0000"}', '{"a": 1}'), 'dark' FROM seq_1_to_3600;
	CREATE TABLE tags (id INT PRIMARY KEY, name VARCHAR(20)); INSERT INTO tags VALUES (1, 'one'), (2, 'two');`

const poisonTarget = `
	CREATE SCHEMA app;
	CREATE TYPE app.kind AS ENUM ('member', 'admin', 'unknown');
	CREATE TABLE app.users (id uuid PRIMARY KEY, legacy_id int NOT NULL UNIQUE, kind app.kind NOT NULL, joined_at timestamptz, born date, bio text, signature text);
	CREATE TABLE app.posts (id uuid PRIMARY KEY, author_id uuid NOT NULL REFERENCES app.users, reply_to uuid REFERENCES app.posts, score int,
		title varchar(40) NOT NULL, body text NOT NULL, written_at timestamptz NOT NULL);
	CREATE INDEX ON app.posts (author_id);
	CREATE TABLE app.settings (user_id uuid PRIMARY KEY REFERENCES app.users, seen date NOT NULL, doc jsonb NOT NULL, theme text NOT NULL);
	CREATE TABLE app.tags (id int PRIMARY KEY, name text NOT NULL UNIQUE);`

const poisonMapping = `name: poison
legacy: {dsn: "${LEGACY_DSN}", time_zone: Europe/Berlin}
target: {dsn: "${TARGET_DSN}"}
max_row_bytes: 48KiB
users: {from: users, key: id, shard_rows: 1500}
waves: [{name: first, where: id MOD 7 = 0}, {name: rest}]
tables:
  - into: app.users
    from: users
    user: id
    columns:
      id: {uuid: user, of: id}
      legacy_id: id
      kind: {sql: kind, values: {0: member, 1: admin}}
      joined_at: {sql: joined}
      born: {sql: born}
      bio: {sql: bio}
      signature: {sql: signature, bad_text: reject}
  - into: app.posts
    from: posts
    user: user_id
    columns:
      id: {uuid: post, of: id}
      author_id: {uuid: user, of: user_id}
      reply_to: {uuid: post, of: reply_to}
      score: {sql: score}
      title: {sql: title}
      body: {sql: body}
      written_at: {sql: written}
  - into: app.settings
    from: settings
    user: user_id
    columns:
      user_id: {uuid: user, of: user_id}
      seen: {sql: seen, steps: [{date: ["%Y-%m-%d"]}]}
      doc: {sql: doc}
      theme: {sql: theme, values: {dark: dark}}
  - {into: app.tags, from: tags, key: id, columns: {id: id, name: name}}
`

// remedies mend what each cause is about: what stands in the mapping, and what has to stand there.
var remedies = map[string][2]string{
	"values:app.users.kind":         {"{0: member, 1: admin}", "{0: member, 1: admin, 9: unknown}"},
	"zero_date:app.users.joined_at": {"{sql: joined}", "{sql: joined, zero_date: to_null}"},
	"partial_date:app.users.born":   {"{sql: born}", "{sql: born, partial_date: first}"},
	"nul_byte:app.users.bio":        {"{sql: bio}", "{sql: bio, nul_byte: strip}"},
	"bad_text:app.users.signature":  {"bad_text: reject", "bad_text: cp1252"},
	"out_of_range:app.posts.score":  {"{sql: score}", "{sql: score, out_of_range: clamp}"},
	"too_long:app.posts.title":      {"{sql: title}", "{sql: title, too_long: truncate}"},
	"not_null:app.posts.body":       {"{sql: body}", `{sql: body, if_null: ""}`},
	"row_too_wide:app.posts":        {"48KiB", "1MiB"},
	"dst_gap:app.posts.written_at":  {"{sql: written}", "{sql: written, dst_gap: forward}"},
	"date:app.settings.seen":        {`["%Y-%m-%d"]`, `["%Y-%m-%d", "%d.%m.%Y"]`},
	"json_nul:app.settings.doc":     {"{sql: doc}", "{sql: doc, json_nul: strip}"},
}

// remedied returns the mapping with the remedies of the causes, of all where none is given.
func remedied(causes ...string) string {
	if len(causes) == 0 {
		causes = slices.Sorted(maps.Keys(remedies))
	}
	text := poisonMapping
	for _, cause := range causes {
		text = strings.Replace(text, remedies[cause][0], remedies[cause][1], 1)
	}
	return text
}

// sums returns the users and rows that each cause keeps out.
func sums(r report.Report) map[string]string {
	out := map[string]string{}
	for _, c := range r.Causes {
		out[c.Cause] = fmt.Sprintf("%d users, %d rows, %s", c.Users, c.Rows, strings.Join(c.SampleKeys, " "))
	}
	return out
}

func TestPoison(t *testing.T) {
	l := newLab(t, poisonLegacy, poisonTarget, poisonMapping)
	parts := l.parts()
	first := l.reports(4)
	t.Run("one user in a hundred is quarantined, in twelve causes, and nobody else", func(t *testing.T) {
		want := map[string]string{}
		for i, cause := range []string{
			"values:app.users.kind", "zero_date:app.users.joined_at", "partial_date:app.users.born", "nul_byte:app.users.bio", "bad_text:app.users.signature",
			"out_of_range:app.posts.score", "too_long:app.posts.title", "not_null:app.posts.body", "row_too_wide:app.posts", "dst_gap:app.posts.written_at",
			"date:app.settings.seen", "json_nul:app.settings.doc",
		} {
			id := 100 * (i + 1)
			want[cause] = fmt.Sprintf("3 users, 3 rows, %s", strings.Join(slices.Sorted(slices.Values([]string{fmt.Sprint(id), fmt.Sprint(id + 1200), fmt.Sprint(id + 2400)})), " "))
		}
		if diff := cmp.Diff(want, sums(first)); diff != "" {
			t.Errorf("causes (-want +got):\n%s", diff)
		}
		if u := first.Users; first.Verdict != report.Unclean || u.Quarantined != 36 || u.Migrated != poisonUsers-36 {
			t.Errorf("%s: %+v", first.Verdict, u)
		}
		l.keeps(parts)
	})
	t.Run("a change that does more than mend is refused with its lines, and changes nothing", func(t *testing.T) {
		before := programs.Dump(t, l.target)
		l.dir.Write(t, "other.yaml", strings.Replace(remedied(), "legacy_id: id", "legacy_id: id + 1", 1))
		l.does("run -f other.yaml", 6, `tables[app.users].columns[legacy_id].sql.expr.sql: was "id", is "id + 1"`, "--again", "reset")
		l.dir.Write(t, "other.yaml", strings.Replace(poisonMapping, "{sql: joined}", `{sql: joined, if_null: "1970-01-01 00:00:00"}`, 1))
		l.does("run -f other.yaml", 6, "tables[app.users].columns[joined_at]: if_null has a value for NULL")
		l.holds("1", `SELECT count(*) FROM rehome.accepted`)
		if diff := cmp.Diff(before, programs.Dump(t, l.target)); diff != "" {
			t.Errorf("(-before +after):\n%s", diff)
		}
	})
	t.Run("a change that touches no cause says so", func(t *testing.T) {
		l.dir.Write(t, "migration.yaml", strings.Replace(poisonMapping, "{dark: dark}", "{dark: dark, light: light}", 1))
		l.does("run", 4, "3 users stay quarantined for values:app.users.kind: nothing in the new mapping touches it", "36 users are quarantined")
		l.holds("0", `SELECT count(*) FROM rehome.shard WHERE kind = 'redo'`)
	})
	t.Run("what is mended brings just those whom it touches", func(t *testing.T) {
		some := strings.Replace(remedied("values:app.users.kind", "row_too_wide:app.posts"), "{dark: dark}", "{dark: dark, light: light}", 1)
		l.dir.Write(t, "migration.yaml", some)
		l.does("run", 4, "6 users and 0 rows without a user are done again", "3 users stay quarantined for date:app.settings.seen", "30 users are quarantined")
		l.holds("100,900,1300,2100,2500,3300", `SELECT string_agg(convert_from(k, 'UTF8'), ',' ORDER BY convert_from(k, 'UTF8')::int)
			FROM rehome.user_state, LATERAL (SELECT user_key AS k) AS u WHERE state = 'redone'`)
	})
	t.Run("when all of it is mended the next run ends clean, and the target is that of a run which had that mapping from the start", func(t *testing.T) {
		l.dir.Write(t, "migration.yaml", strings.Replace(remedied(), "{dark: dark}", "{dark: dark, light: light}", 1))
		r := l.reports(0)
		if r.Verdict != report.Clean || len(r.Causes) != 0 || len(r.Mapping) != 3 || r.Users.Migrated != poisonUsers || r.Consistency != "frozen" {
			t.Errorf("%s, %v, %d causes, %d mappings, %+v", r.Verdict, r.Reasons, len(r.Causes), len(r.Mapping), r.Users)
		}
		l.keeps(parts)
		other := newLab(t, poisonLegacy, poisonTarget, remedied())
		fresh := other.reports(0)
		if diff := cmp.Diff(programs.Dump(t, other.target), programs.Dump(t, l.target)); diff != "" {
			t.Errorf("the targets differ (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(fresh.Tables, r.Tables, cmpopts.EquateComparable(checksum.Sum{})); diff != "" {
			t.Errorf("the tables' sums (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(fresh.Rules, r.Rules); diff != "" {
			t.Errorf("the rules (-want +got):\n%s", diff)
		}
	})
	t.Run("and once more changes nothing", func(t *testing.T) {
		before := l.ask(`SELECT finished_at FROM rehome.migration`)
		l.does("run", 0, "CLEAN")
		l.holds(before, `SELECT finished_at FROM rehome.migration`)
	})
}
