package main_test

import (
	"net/url"
	"strings"
	"testing"

	"rehome/pkg/sandbox"
	"rehome/pkg/sandbox/impostor"
	"rehome/pkg/sandbox/programs"
)

// with returns a DSN with some of its parts replaced; one that is empty stays.
func with(t *testing.T, dsn, password, host, database string) string {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	if password != "" {
		u.User = url.UserPassword(u.User.Username(), password)
	}
	if host != "" {
		u.Host = host
	}
	if database != "" {
		u.Path = "/" + database
	}
	return u.String()
}

// A slip is something that an operator gets wrong, and what has to come of it.
type slip struct {
	name     string
	settings map[string]string
	args     string
	exit     int
	says     []string
}

// slips makes each of them at the desk, and looks whether anything was changed.
func (d *desk) slips(t *testing.T, list []slip) {
	before := d.world()
	for _, s := range list {
		t.Run(s.name, func(t *testing.T) {
			d := d.again(t)
			d.ends(d.start(programs.Producer, s.settings, strings.Fields(s.args)...), s.exit, s.says...)
			d.untouched(before)
		})
	}
}

func TestServersThatCannotBeUsed(t *testing.T) {
	d, nobody := newDesk(t), impostor.Nobody(t)
	legacy, target, nats := "LEGACY_DSN", "TARGET_DSN", "NATS_URL"
	server := sandbox.NATS(t)
	_, natsHost, _ := strings.Cut(server.URL(), "@")
	d.slips(t, []slip{
		{"nobody listens at the legacy address", map[string]string{legacy: with(t, d.legacy, "", nobody, "")}, "run", 1,
			[]string{"producer: connect to the legacy database at " + nobody, "connection refused", "check host and port"}},
		{"nobody listens at the target address", map[string]string{target: with(t, d.target, "", nobody, "")}, "run", 1,
			[]string{"producer: connect to PostgreSQL ", nobody, "connection refused", "is PostgreSQL running there"}},
		{"nobody listens at the NATS address", map[string]string{nats: "nats://" + somePass + "@" + nobody}, "run", 1,
			[]string{"producer: connect to NATS at nats://" + nobody, "connection refused", "is nats-server running there"}},
		{"the legacy password is wrong", map[string]string{legacy: with(t, d.legacy, somePass, "", "")}, "run", 1,
			[]string{"connect to the legacy database at ", "Access denied for user", "check user and password"}},
		{"the target password is wrong", map[string]string{target: with(t, d.target, somePass, "", "")}, "run", 1,
			[]string{"connect to PostgreSQL ", "28P01", "check user and password in TARGET_DSN"}},
		{"the NATS password is wrong", map[string]string{nats: "nats://" + somePass + "@" + natsHost}, "run", 1,
			[]string{"connect to NATS at nats://" + natsHost, "Authorization Violation", "check the URL's user and password"}},
		{"the legacy database is not there", map[string]string{legacy: with(t, d.legacy, "", "", "nowhere")}, "check", 1,
			[]string{"Unknown database 'nowhere'", "check the database's name at the end of the DSN"}},
		{"the target database is not there", map[string]string{target: with(t, d.target, "", "", "nowhere")}, "plan", 1,
			[]string{"/nowhere", "3D000", "check the database in TARGET_DSN, or create it"}},
		{"the legacy server is too old", map[string]string{legacy: with(t, d.legacy, "", impostor.MySQL(t, "5.6.51"), "")}, "run", 1,
			[]string{"it is MySQL 5.6.51", "needs MySQL 5.7 or newer", "upgrade it"}},
		{"the target server is too old", map[string]string{target: with(t, d.target, "", impostor.Postgres(t, 12), "")}, "run", 1,
			[]string{"use PostgreSQL ", "it is version 12; rehome works with 13 to 18"}},
		{"the NATS server is too old", map[string]string{nats: "nats://" + impostor.NATS(t, "2.9.10")}, "run", 1,
			[]string{"connect to NATS at ", "nats-server 2.9.10 is too old", "upgrade it to 2.12.5 or newer"}},
	})
}

func TestWrongUsage(t *testing.T) {
	d := newDesk(t)
	none := map[string]string{"LEGACY_DSN": "", "TARGET_DSN": ""}
	d.slips(t, []slip{
		{"no setting at all", none, "run", 2, []string{"2 settings are wrong:", "\n  LEGACY_DSN: is not set", "\n  TARGET_DSN: is not set"}},
		{"everything is malformed, and said at once", map[string]string{"LEGACY_DSN": "oracle://u:" + somePass + "@h/db",
			"TARGET_DSN": "postgres://u:" + somePass + "@", "NATS_URL": "http://h", "REHOME_SLOTS": "many"}, "run --format pdf --through nobody", 2,
			[]string{"\n  LEGACY_DSN: ", "\n  TARGET_DSN: ", "\n  NATS_URL: ", "\n  REHOME_SLOTS: ", "\n  --format: "}},
		{"a DSN of the mapping is missing beside a malformed setting", map[string]string{"TARGET_DSN": "", "REHOME_SLOTS": "0"}, "run", 2,
			[]string{"\n  REHOME_SLOTS: ", "\n  TARGET_DSN: is not set"}},
		{"a variable and its file", map[string]string{"LEGACY_DSN_FILE": "/nowhere"}, "run", 2, []string{"both LEGACY_DSN and LEGACY_DSN_FILE are set"}},
		{"a password in a flag", nil, "run --legacy-dsn mysql://u:" + somePass + "@127.0.0.1/db", 2,
			[]string{"--legacy-dsn: holds a secret", "LEGACY_DSN or LEGACY_DSN_FILE"}},
		{"a flag that there is not", nil, "run --froce", 2, []string{"unknown flag: --froce; see producer run --help"}},
		{"a flag without its value", nil, "run --through", 2, []string{"flag needs an argument: --through"}},
		{"a command that there is not", nil, "rnu", 2, []string{`unknown command "rnu"`, "see producer --help"}},
		{"no command", nil, "", 2, []string{"say what to do", "see producer --help"}},
		{"an argument that nobody asked for", nil, "run community", 2, []string{`"community"`, "see producer run --help"}},
		{"a wave that there is not", nil, "run --through causal", 2, []string{"--through: the mapping has no wave of that name; it has casual, regulars"}},
		{"a mapping that is not there", nil, "run -f other.yaml", 2, []string{"read the mapping: open other.yaml: no such file", "name the file with -f"}},
		{"a reset without a yes", nil, "reset", 2, []string{"reset deletes the migrated rows of desk", "say --yes"}},
		{"a telemetry setting that is malformed", map[string]string{"OTEL_TRACES_EXPORTER": "carrier-pigeon"}, "run", 2, []string{"OTEL_TRACES_EXPORTER"}},
		{"finish, and there is no run", nil, "finish", 6, []string{"migration desk is not in the ledger", "nothing to finish"}},
		{"reset, and there is no run", nil, "reset --yes", 6, []string{"migration desk is not in the ledger", "nothing to reset"}},
		{"schema prints", nil, "schema", 0, []string{`"$schema"`}},
		{"help prints", nil, "run --help", 0, []string{"--through"}},
		{"plan writes nothing", nil, "plan", 0, []string{"casual", "app.posts", "foreign key"}},
		{"check writes nothing", nil, "check", 0, []string{"fits both databases"}},
	})
}

func TestWrongMappings(t *testing.T) {
	d := newDesk(t)
	d.changed("faults.yaml", "shard_rows: 60", "shard_row: 60", "user: owner", "usr: owner", "missing: to_null", "missing: never")
	d.changed("legacy.yaml", "title:      title", "title:      titel")
	d.changed("target.yaml", "title:      title", "tilte:      title")
	d.changed("both.yaml", "name:       name", "nmae:       nam")
	d.changed("keyless.yaml", "into: app.users", "into: app.keyless", "      id:         {uuid: user, of: id}\n", "")
	d.changed("nobody.yaml", "into: app.posts", "into: app.post")
	d.changed("elsewhere.yaml", "  dsn: ${TARGET_DSN}", "  dsn: ${TARGET_DSN}\n  database: production")
	d.dir.Write(t, "broken.yaml", "name: [")
	d.dir.Write(t, "empty.yaml", "")
	d.slips(t, []slip{
		{"several faults are all shown, each with its place", nil, "run -f faults.yaml", 2, []string{"faults.yaml:10:3: ", "did you mean shard_rows?",
			": unknown key \"usr\" (did you mean user?)", "faults.yaml:30:53: ", "producer: the mapping is wrong (faults: 4); nothing was changed"}},
		{"a fault of the settings is shown beside them", map[string]string{"REHOME_SLOTS": "0"}, "run -f faults.yaml", 2, []string{"faults.yaml:10:3: ", "REHOME_SLOTS"}},
		{"a column that the legacy table has not", nil, "run -f legacy.yaml", 2, []string{"legacy.yaml:31:19: tables[1].columns.title: ", "titel"}},
		{"a column that the target table has not", nil, "run -f target.yaml", 2, []string{"target.yaml:31:7: tables[1].columns.tilte: app.posts has no column tilte (did you mean title?)"}},
		{"columns that neither has", nil, "check -f both.yaml", 2, []string{"app.users has no column nmae", `"nam"`, "nothing was changed"}},
		{"a table that the target has not", nil, "plan -f nobody.yaml", 2, []string{"nobody.yaml:24:", "app.post"}},
		{"a target table without a primary key", nil, "run -f keyless.yaml", 2, []string{"keyless.yaml:", "app.keyless", "primary key"}},
		{"no YAML", nil, "run -f broken.yaml", 2, []string{"broken.yaml:1:"}},
		{"an empty file", nil, "run -f empty.yaml", 2, []string{"the file is empty"}},
		{"another target than target.database says", nil, "run -f elsewhere.yaml", 6, []string{"TARGET_DSN leads to database ", "target.database says production"}},
		{"a plan for another target", nil, "plan -f elsewhere.yaml", 6, []string{"target.database says production"}},
		{"a check of another target", nil, "check -f elsewhere.yaml", 6, []string{"target.database says production"}},
	})
}

func TestUserColumnsWithoutAnIndex(t *testing.T) {
	d := newDesk(t)
	d.inLegacy(`ALTER TABLE posts DROP KEY owner; ANALYZE TABLE posts;`)
	before := d.world()
	p := d.produces("check", 0, `migration.yaml:26:11: tables[1].user: "owner" has no index`)
	if p.Stderr() != "" {
		t.Errorf("what is found is data, and standard error has %q", p.Stderr())
	}
	d.inLegacy(`
		INSERT INTO posts SELECT 1000 + a.n + 10 * b.n + 100 * c.n + 1000 * d.n + 10000 * e.n + 100000 * f.n, 1, NULL, 'Canary post'
		FROM digits a, digits b, digits c, digits d, digits e, digits f WHERE f.n < 2;
		ANALYZE TABLE posts;`)
	d.produces("run", 2, "migration.yaml:26:", "index", "scan: accepted")
	d.untouched(before)
	d.changed("accepted.yaml", "    user: owner\n", "    user: owner\n    scan: accepted\n")
	d.produces("check -f accepted.yaml", 0, "fits both databases")
}
