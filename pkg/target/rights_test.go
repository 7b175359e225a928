package target

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
)

// asRole opens a session of a new role on conn's database; the statements, in which @ stands for it, are run before by the superuser.
func asRole(t *testing.T, conn *pgx.Conn, config *pgx.ConnConfig, statements ...string) (session *pgx.Conn, role string) {
	t.Helper()
	role = "role_" + strings.TrimPrefix(config.Database, "db_")
	run(t, conn, fmt.Sprintf(`CREATE ROLE %s LOGIN PASSWORD 'x'`, role))
	for _, s := range statements {
		run(t, conn, strings.ReplaceAll(s, "@", role))
	}
	config = config.Copy()
	config.User, config.Password = role, "x"
	session, err := Connect(t.Context(), config, "test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { session.Close(context.Background()) })
	return session, role
}

const rightsSchema = `
	CREATE SCHEMA app; CREATE SCHEMA rehome; CREATE TABLE app.users (id int); CREATE TABLE app.posts (id int); CREATE TABLE rehome.shard (id int);
	GRANT USAGE ON SCHEMA app, rehome TO @; GRANT SELECT ON rehome.shard TO @;`

func TestExcess(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		role  Role
		given []string
		want  []string
	}{
		{"a writer has what it needs", Writer, []string{`GRANT SELECT, INSERT, UPDATE, DELETE ON app.users, app.posts, rehome.shard TO @`}, nil},
		{"a reader has what it needs", Reader, nil, nil},
		{"attributes", Writer, []string{`ALTER ROLE @ CREATEROLE CREATEDB`}, []string{
			"role @ may make roles: ALTER ROLE @ NOCREATEROLE", "role @ may make databases: ALTER ROLE @ NOCREATEDB"}},
		{"programs and files of the server", Writer, []string{`GRANT pg_execute_server_program, pg_read_server_files TO @`}, []string{
			"role @ is a member of pg_execute_server_program: REVOKE pg_execute_server_program FROM the role that has it",
			"role @ is a member of pg_read_server_files: REVOKE pg_read_server_files FROM the role that has it"}},
		{"schemas and tables of its own", Writer, []string{`GRANT CREATE ON SCHEMA app TO @`, `ALTER TABLE app.users OWNER TO @`, `ALTER TABLE app.posts OWNER TO @`}, []string{
			"role @ may make tables in schema app: REVOKE CREATE ON SCHEMA app FROM @",
			"role @ owns app.posts: ALTER TABLE app.posts OWNER TO another, and so on for 1 more"}},
		{"TRUNCATE and TRIGGER", Writer, []string{`GRANT ALL ON app.users TO @`}, []string{
			"role @ may trigger app.users: REVOKE TRIGGER ON app.users FROM @", "role @ may truncate app.users: REVOKE TRUNCATE ON app.users FROM @"}},
		{"a reader that writes the ledger", Reader, []string{`GRANT UPDATE, DELETE ON rehome.shard TO @`}, []string{
			"role @ may delete rehome.shard: REVOKE DELETE ON rehome.shard FROM @", "role @ may update rehome.shard: REVOKE UPDATE ON rehome.shard FROM @"}},
		{"an operator has what it needs", Operator, []string{`CREATE TABLE rehome.user_state (id int, state text)`, `GRANT SELECT, INSERT (id), DELETE ON rehome.user_state TO @`,
			`GRANT UPDATE (id) ON rehome.shard TO @`}, nil},
		{"a reader that has what an operator needs", Reader, []string{`CREATE TABLE rehome.user_state (id int)`, `GRANT SELECT, DELETE ON rehome.user_state TO @`}, []string{
			"role @ may delete rehome.user_state: REVOKE DELETE ON rehome.user_state FROM @"}},
		{"an operator of whole tables", Operator, []string{`GRANT UPDATE, DELETE ON rehome.shard TO @`}, []string{
			"role @ may delete rehome.shard: REVOKE DELETE ON rehome.shard FROM @", "role @ may update rehome.shard: REVOKE UPDATE ON rehome.shard FROM @"}},
		{"a reader of users", Reader, []string{`GRANT SELECT ON app.users, app.posts TO @`}, []string{
			"role @ may read app.posts: REVOKE SELECT ON app.posts FROM @, and so on for 1 more"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			conn, config := open(t)
			session, role := asRole(t, conn, config, append([]string{rightsSchema}, tt.given...)...)
			got, err := Excess(t.Context(), session, tt.role)
			if err != nil {
				t.Fatal(err)
			}
			for i := range tt.want {
				tt.want[i] = strings.ReplaceAll(tt.want[i], "@", role)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run("a superuser is told as that", func(t *testing.T) {
		conn, config := open(t)
		got, err := Excess(t.Context(), conn, Writer)
		if want := []string{"role \"" + config.User + "\" is a superuser: connect as another"}; err != nil || !cmp.Equal(want, got) {
			t.Errorf("error %v, %s", err, cmp.Diff(want, got))
		}
	})
}

func TestMissing(t *testing.T) {
	t.Parallel()
	conn, config := open(t)
	session, role := asRole(t, conn, config, rightsSchema, `GRANT SELECT, INSERT ON app.users TO @`, `REVOKE USAGE ON SCHEMA app FROM @`)
	run(t, conn, `REVOKE TEMPORARY ON DATABASE `+config.Database+` FROM PUBLIC`)
	_, err := session.Exec(t.Context(), `DELETE FROM app.users`)
	if !Lacks(err) || !Lacks(classify(err, "delete", "app.users")) {
		t.Errorf("error %v is not told as one of a right", err)
	}
	got, err := Missing(t.Context(), session, []string{"app.users", "app.posts"})
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range got {
		run(t, conn, statement)
	}
	if len(got) != 4 || !strings.Contains(strings.Join(got, ";"), "GRANT UPDATE, DELETE ON app.users TO "+role) {
		t.Errorf("the statements are %q", got)
	}
	if again, err := Missing(t.Context(), session, []string{"app.users", "app.posts"}); err != nil || len(again) > 0 {
		t.Errorf("after them: error %v, missing %q", err, again)
	}
	if _, err := session.Exec(t.Context(), `DELETE FROM app.users`); err != nil {
		t.Error(err)
	}
}
