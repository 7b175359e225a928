package roles

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"

	"rehome/pkg/sandbox"
)

// workerActs are what a worker's role may not do, in a database that has been migrated into.
var workerActs = []string{
	`DROP TABLE app.posts`, `TRUNCATE app.posts`, `ALTER TABLE app.posts ADD more text`, `ALTER TABLE app.posts DISABLE TRIGGER ALL`, `ALTER TABLE app.posts OWNER TO current_user`,
	`CREATE INDEX ON app.posts (title)`, `CREATE TABLE app.more (id int)`, `CREATE FUNCTION app.f() RETURNS int LANGUAGE sql AS 'SELECT 1'`,
	`CREATE TRIGGER t AFTER INSERT ON app.posts EXECUTE FUNCTION pg_catalog.suppress_redundant_updates_trigger()`, `CREATE SCHEMA more`,
	`COPY app.posts TO PROGRAM 'cat'`, `COPY app.posts FROM PROGRAM 'cat'`, `COPY app.posts TO '/tmp/posts'`, `COPY app.posts FROM '/etc/passwd'`,
	`SELECT pg_read_file('/etc/passwd')`, `SELECT pg_ls_dir('/')`, `SELECT lo_import('/etc/passwd')`, `SET session_replication_role = replica`,
	`CREATE ROLE more`, `CREATE DATABASE more`, `ALTER ROLE current_user SUPERUSER`, `ALTER SYSTEM SET work_mem = '1GB'`, `SELECT rolpassword FROM pg_authid`,
	`UPDATE rehome.migration SET plan = '{}'`, `UPDATE rehome.migration SET mapping_hash = ''`, `UPDATE rehome.migration SET secret = ''`, `UPDATE rehome.migration SET state = 'finished'`,
	`DELETE FROM rehome.migration`, `INSERT INTO rehome.mapping VALUES ('x', '')`, `UPDATE rehome.mapping SET canonical = ''`, `UPDATE rehome.accepted SET hash = ''`,
	`UPDATE rehome.accepted__shop SET hash = ''`, `UPDATE rehome.cell SET users = 0`, `UPDATE rehome.cell__shop SET users = 0`, `DELETE FROM rehome.part`, `UPDATE rehome.part SET definition = ''`,
	`DELETE FROM rehome.version`, `INSERT INTO rehome.control (migration, version) VALUES ('shop', 1)`, `UPDATE rehome.control SET limits = '{}'`, `UPDATE rehome.gate SET state = 'passed'`,
	`UPDATE rehome.shard__shop SET state = 'done'`, `DELETE FROM rehome.manifest__shop`, `TRUNCATE rehome.shard`, `DROP TABLE rehome.shard`, `ALTER TABLE rehome.shard ADD more text`,
	`CREATE TABLE rehome.more (id int)`, `DROP SCHEMA rehome CASCADE`,
}

// aggregatorActs are those of an aggregator's role; a worker's are refused to it too.
var aggregatorActs = []string{
	`SELECT FROM app.users`, `SELECT FROM app.posts`, `INSERT INTO app.users (id) VALUES (gen_random_uuid())`, `DELETE FROM app.posts`, `SELECT nextval('app.posts_serial_seq')`,
	`UPDATE rehome.shard SET state = 'done'`, `DELETE FROM rehome.shard`, `INSERT INTO rehome.event (migration, ordinal, generation, attempt, what) VALUES ('shop', 0, 0, 0, 'x')`,
	`UPDATE rehome.migration SET paused = 'x'`, `DELETE FROM rehome.worker`, `UPDATE rehome.user_state SET state = 'migrated'`, `DELETE FROM rehome.manifest`, `UPDATE rehome.roster SET redo = true`,
	`SELECT FROM rehome.shard FOR UPDATE`,
}

// refusals tries what the target's roles may not do, after a migration named shop.
func refusals(t *testing.T, s *site) {
	t.Helper()
	s.tries(t, "worker", workerActs)
	s.tries(t, "aggregator", append(append([]string{}, workerActs...), aggregatorActs...))
}

func TestWhatTheLegacyUserMayNotDo(t *testing.T) {
	s := newSite(t)
	db, err := sandbox.Open(s.legacy)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, act := range []string{
		`INSERT INTO users VALUES (1000, 'x', 'x')`, `UPDATE users SET name = 'x'`, `DELETE FROM users`, `TRUNCATE users`, `DROP TABLE users`, `ALTER TABLE users ADD more INT`,
		`CREATE TABLE more (id INT)`, `CREATE TEMPORARY TABLE more (id INT)`, `CREATE INDEX more ON users (name)`, `CREATE VIEW more AS SELECT 1`, `CREATE DATABASE more`, `DROP DATABASE ` + databaseOf(t, s.legacy),
		`CREATE FUNCTION more() RETURNS INT RETURN 1`, `CREATE TRIGGER more BEFORE INSERT ON users FOR EACH ROW SET NEW.name = 'x'`, `LOCK TABLES users WRITE`,
		`SELECT * FROM users INTO OUTFILE '/tmp/users'`, `SELECT LOAD_FILE('/etc/passwd') IS NOT NULL AND 1 / 0`, `LOAD DATA INFILE '/etc/passwd' INTO TABLE users`,
		`CREATE USER more`, `GRANT SELECT ON *.* TO ` + s.name + `_rehome`, `SET GLOBAL read_only = 1`, `FLUSH TABLES WITH READ LOCK`, `SELECT * FROM mysql.global_priv`, `SHUTDOWN`, `KILL 1`,
		`PURGE BINARY LOGS BEFORE NOW()`,
	} {
		_, err := db.ExecContext(t.Context(), act)
		refused := (*mysql.MySQLError)(nil)
		switch {
		case strings.Contains(act, "LOAD_FILE") && err == nil: // NULL is its way to refuse
		case strings.HasPrefix(act, "KILL") && errors.As(err, &refused) && (refused.Number == 1094 || refused.Number == 1095): // nobody, or somebody else's
		case !errors.As(err, &refused) || !slices.Contains([]uint16{1044, 1045, 1142, 1227, 1370, 1410, 1419}, refused.Number):
			t.Errorf("%s: %v, want a right to be lacking", act, err)
		}
	}
	var rows int
	if err := db.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM users`).Scan(&rows); err != nil || rows != 400 {
		t.Errorf("%d users, error %v", rows, err)
	}
}
