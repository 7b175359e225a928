package main_test

import "time"

// The population of a night in which all goes wrong that can: forty users with three posts each, whose texts, numbers, dates and keys are such that
// nobody could write them by chance. Users are known by their login names, so that the bounds of shards are texts, too.
const nightUsers = 40

// nightLegacy spoils users 5 to 9 and 13 on their own, 10 and 11 between them, 12 by a post; triggers of the target object to 20, 25 and 30.
const nightLegacy = `
	SET sql_mode = '';
	CREATE TABLE users (login VARCHAR(60) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PRIMARY KEY, name VARCHAR(120) NOT NULL, email VARCHAR(120), born DATE,
		balance DECIMAL(24,2), pin BIGINT, note TEXT, kind VARCHAR(40));
	INSERT INTO users SELECT CONCAT('kanarienvogel-', LPAD(seq, 3, '0'), '-xq'), CONCAT('Zwiebelfisch ', LPAD(seq, 3, '0'), ' O''Hä"re & <Söhne>'),
		IF(seq = 9, NULL, CONCAT('canary+', LPAD(IF(seq = 11, 10, seq), 3, '0'), '@leak-planted.invalid')),
		IF(seq = 5, '1931-00-00', DATE_ADD('1931-05-17', INTERVAL seq DAY)),
		86753098675309000.17 + seq, 918273645546372000 + seq, IF(seq = 6, CONCAT('Geheimniskram', CHAR(0), '006'), CONCAT('Geheimniskram/', LPAD(seq, 3, '0'))),
		IF(seq = 7, 'xenolith-kind', 'plain')
		FROM seq_1_to_40;
	CREATE TABLE posts (id INT PRIMARY KEY, login VARCHAR(60) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL, reply_to INT, body TEXT, score BIGINT, KEY (login));
	INSERT INTO posts SELECT seq, CONCAT('kanarienvogel-', LPAD(1 + (seq - 1) MOD 40, 3, '0'), '-xq'), IF(seq BETWEEN 41 AND 60, seq - 35, NULL),
		CONCAT('Krakeelerei-', LPAD(seq, 3, '0')), IF(seq = 12, 887766554433221100, seq)
		FROM seq_1_to_120;`

const nightTarget = `
	CREATE SCHEMA app;
	CREATE TABLE app.users (id uuid PRIMARY KEY, login text NOT NULL UNIQUE, name text NOT NULL, email text NOT NULL CONSTRAINT users_email_key UNIQUE, born date,
		balance numeric(24,2), pin bigint CONSTRAINT users_pin_check CHECK (pin % 1000 <> 13), note text, kind text);
	CREATE TABLE app.posts (id uuid PRIMARY KEY, author_id uuid NOT NULL REFERENCES app.users, reply_to uuid REFERENCES app.posts, body text, score int);
	CREATE INDEX ON app.posts (author_id);
	CREATE TABLE app.journal (email text PRIMARY KEY);
	INSERT INTO app.journal VALUES ('canary+025@leak-planted.invalid');
	CREATE FUNCTION app.brims() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
		IF NEW.login LIKE '%-020-%' THEN
			RAISE EXCEPTION 'no room for %', NEW.name USING ERRCODE = '53100', DETAIL = 'Failing row contains ' || NEW::text, HINT = 'forget ' || NEW.email;
		END IF;
		RETURN NEW; END $$;
	CREATE FUNCTION app.tidy() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
		IF NEW.login LIKE '%-025-%' THEN INSERT INTO app.journal VALUES (NEW.email); END IF;
		IF NEW.login LIKE '%-030-%' THEN NEW.name := left(NEW.name, 14); END IF;
		RETURN NEW; END $$;
	CREATE TRIGGER brims BEFORE INSERT ON app.users FOR EACH ROW EXECUTE FUNCTION app.brims();
	CREATE TRIGGER tidy BEFORE INSERT ON app.users FOR EACH ROW EXECUTE FUNCTION app.tidy();`

// nightRoom ends the outage.
const nightRoom = `CREATE OR REPLACE FUNCTION app.brims() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'`

const nightMapping = `name: night
legacy: {dsn: "${LEGACY_DSN}", time_zone: UTC}
target: {dsn: "${TARGET_DSN}"}
users: {from: users, key: login, shard_rows: 16}
stop: {quarantined: 100%}
waves: [{name: early, where: "login < 'kanarienvogel-015'", gate: {quarantined: 100%}}, {name: rest}]
tables:
  - into: app.users
    from: users
    user: login
    triggers: {brims: fire, tidy: fire}
    columns:
      id: {uuid: user, of: login}
      login: login
      name: name
      email: {sql: email}
      born: {sql: born}
      balance: balance
      pin: pin
      note: {sql: note}
      kind: {sql: kind, values: {plain: plain}}
  - into: app.posts
    from: posts
    user: login
    columns: {id: {uuid: post, of: id}, author_id: {uuid: user, of: login}, reply_to: {uuid: post, of: reply_to}, body: body, score: {sql: score}}
`

// nightSecrets returns what nothing that leaves the processes may hold: of each value of each row a part that nobody would write by chance.
func nightSecrets() []string {
	secrets := []string{"kanarienvogel", "Zwiebelfisch", "O'Hä\"re & <Söhne>", "canary+", "leak-planted", "Geheimniskram", "Krakeelerei", "xenolith-kind", "1931-00-00",
		"887766554433221100", "918273645546372", "918,273,645,546,372", "86753098675309", "86,753,098,675,309"}
	for i := range nightUsers + 1 {
		secrets = append(secrets, time.Date(1931, 5, 17+i, 0, 0, 0, 0, time.UTC).Format(time.DateOnly))
	}
	return secrets
}
