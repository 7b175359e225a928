package bench

import (
	"fmt"
	"regexp"
	"strings"
)

// A shape is a population and where it goes: the tables and columns have the same names on both sides, so that peers that move tables can bring it, too.
type shape struct {
	name   string
	tables []string
	legacy func(users int) []string
	keys   string // what they are, where they are not the legacy database's integers
	order  string // of the mapping: the UUIDs that sort as the integers do
	target string // with integer keys: two secondary indexes on each table, no foreign key
	rows   string // of the mapping: its tables
}

// wide has users of 17 columns, about 430 bytes each, and nothing else.
var wide = shape{
	name:   "wide",
	tables: []string{"users"},
	legacy: func(users int) []string {
		return []string{
			`CREATE TABLE users (
				id INT PRIMARY KEY, username VARCHAR(40) NOT NULL, email VARCHAR(80) NOT NULL, password_hash CHAR(60) NOT NULL, first_name VARCHAR(40),
				last_name VARCHAR(40), about TEXT, website VARCHAR(100), location VARCHAR(60), birthday DATE, created_at DATETIME NOT NULL,
				last_seen DATETIME, reputation INT NOT NULL, views INT NOT NULL, is_active TINYINT(1) NOT NULL, score DECIMAL(10,2) NOT NULL, account CHAR(36) NOT NULL)`,
			fmt.Sprintf(`INSERT INTO users SELECT seq, CONCAT('user_', seq), CONCAT('user.', seq, '@mail', seq %% 97, '.example.org'),
				CONCAT('$2y$10$', SHA1(seq), LEFT(MD5(seq), 13)), ELT(1 + seq %% 7, 'Ada', 'Grace', 'Edsger', 'Barbara', 'Niklaus', 'Zoë', 'Łukasz'),
				IF(seq %% 11 = 0, NULL, CONCAT('Sürname ', seq %% 5000)), IF(seq %% 3 = 0, NULL, REPEAT('lives by the sea, reads a lot. ', 1 + seq %% 8)),
				IF(seq %% 4 = 0, NULL, CONCAT('https://www.example.org/people/', seq)), ELT(1 + seq %% 5, 'Zürich', 'São Paulo', 'Kraków', '東京', NULL),
				IF(seq %% 9 = 0, NULL, '1960-01-01' + INTERVAL seq %% 15000 DAY), '2009-01-01' + INTERVAL seq SECOND,
				IF(seq %% 6 = 0, NULL, '2020-01-01' + INTERVAL seq SECOND), seq * 7919 %% 100000, seq * 31 %% 5000, seq %% 5 <> 0, (seq * 37 %% 1000000) / 100,
				INSERT(INSERT(INSERT(INSERT(MD5(seq + 7), 9, 0, '-'), 14, 0, '-'), 19, 0, '-'), 24, 0, '-')
				FROM seq_1_to_%d`, users),
			`ANALYZE TABLE users`,
		}
	},
	target: `CREATE SCHEMA app;
		CREATE TABLE app.users (
			id integer PRIMARY KEY, username varchar(40) NOT NULL, email varchar(80) NOT NULL, password_hash char(60) NOT NULL, first_name varchar(40),
			last_name varchar(40), about text, website varchar(100), location varchar(60), birthday date, created_at timestamp NOT NULL,
			last_seen timestamp, reputation integer NOT NULL, views integer NOT NULL, is_active boolean NOT NULL, score numeric(10,2) NOT NULL, account uuid NOT NULL);
		CREATE INDEX ON app.users (email); CREATE INDEX ON app.users (created_at)`,
	rows: `
  - into: app.users
    from: users
    user: id
    columns: {id: id, username: username, email: email, password_hash: password_hash, first_name: first_name, last_name: last_name, about: about,
      website: website, location: location, birthday: birthday, created_at: created_at, last_seen: last_seen, reputation: reputation, views: views,
      is_active: is_active, score: score, account: account}`,
}

// social has users with three posts, six comments and five settings each: fifteen rows a user, 110 bytes a row.
var social = shape{
	name:   "social",
	tables: []string{"users", "posts", "comments", "settings"},
	legacy: func(users int) []string {
		users /= 15 // as many rows as the other shape has
		return []string{
			`CREATE TABLE users (id INT PRIMARY KEY, name VARCHAR(60) NOT NULL, email VARCHAR(80) NOT NULL, joined DATETIME NOT NULL, score INT NOT NULL)`,
			fmt.Sprintf(`INSERT INTO users SELECT seq, CONCAT('user ', seq), CONCAT('user.', seq, '@example.org'), '2015-03-01' + INTERVAL seq SECOND, seq %% 100
				FROM seq_1_to_%d`, users),
			`CREATE TABLE posts (id INT PRIMARY KEY, user_id INT NOT NULL, title VARCHAR(80) NOT NULL, body TEXT, created DATETIME NOT NULL, KEY (user_id))`,
			fmt.Sprintf(`INSERT INTO posts SELECT seq, 1 + (seq * 7919) %% %d, CONCAT('about ', seq), REPEAT('so it goes ', 1 + seq %% 30), '2016-01-01' + INTERVAL seq SECOND
				FROM seq_1_to_%d`, users, 3*users),
			`CREATE TABLE comments (id INT PRIMARY KEY, user_id INT NOT NULL, post_id INT NOT NULL, body VARCHAR(200) NOT NULL, created DATETIME NOT NULL, KEY (user_id))`,
			fmt.Sprintf(`INSERT INTO comments SELECT seq, 1 + (seq * 104729) %% %d, 1 + seq %% %d, REPEAT('yes, but ', 1 + seq %% 12), '2017-01-01' + INTERVAL seq SECOND
				FROM seq_1_to_%d`, users, 3*users, 6*users),
			`CREATE TABLE settings (user_id INT NOT NULL, name VARCHAR(40) NOT NULL, value VARCHAR(100), PRIMARY KEY (user_id, name))`,
			fmt.Sprintf(`INSERT INTO settings SELECT u.seq, CONCAT('setting_', s.seq), IF(s.seq = 3, NULL, CONCAT('value ', u.seq %% 50)) FROM seq_1_to_%d u, seq_1_to_5 s`, users),
			`ANALYZE TABLE users, posts, comments, settings`,
		}
	},
	target: `CREATE SCHEMA app;
		CREATE TABLE app.users (id integer PRIMARY KEY, name varchar(60) NOT NULL, email varchar(80) NOT NULL, joined timestamp NOT NULL, score integer NOT NULL);
		CREATE INDEX ON app.users (email); CREATE INDEX ON app.users (joined);
		CREATE TABLE app.posts (id integer PRIMARY KEY, user_id integer NOT NULL, title varchar(80) NOT NULL, body text, created timestamp NOT NULL);
		CREATE INDEX ON app.posts (user_id); CREATE INDEX ON app.posts (created);
		CREATE TABLE app.comments (id integer PRIMARY KEY, user_id integer NOT NULL, post_id integer NOT NULL, body varchar(200) NOT NULL, created timestamp NOT NULL);
		CREATE INDEX ON app.comments (user_id); CREATE INDEX ON app.comments (post_id);
		CREATE TABLE app.settings (user_id integer NOT NULL, name varchar(40) NOT NULL, value varchar(100), PRIMARY KEY (user_id, name));
		CREATE INDEX ON app.settings (name); CREATE INDEX ON app.settings (value)`,
	rows: `
  - {into: app.users, from: users, user: id, columns: {id: id, name: name, email: email, joined: joined, score: score}}
  - {into: app.posts, from: posts, user: user_id, columns: {id: id, user_id: user_id, title: title, body: body, created: created}}
  - {into: app.comments, from: comments, user: user_id, columns: {id: id, user_id: user_id, post_id: post_id, body: body, created: created}}
  - {into: app.settings, from: settings, user: user_id, columns: {user_id: user_id, name: name, value: value}}`,
}

// mapping is migration.yaml for the shape.
func (s shape) mapping() string {
	return "name: bench\nlegacy: {dsn: \"${LEGACY_DSN}\", time_zone: UTC}\ntarget: {dsn: \"${TARGET_DSN}\"}\nusers: {from: users, key: id}\n" + s.order + "tables:" + s.rows + "\n"
}

// uuids is the shape with UUIDs for the integers of keys and references, in target and mapping.
func (s shape) uuids() shape {
	s.keys = ".uuid"
	for _, column := range []string{"id", "user_id", "post_id"} {
		entity := strings.TrimSuffix(column, "_id")
		s.target = regexp.MustCompile(`\b`+column+` integer`).ReplaceAllString(s.target, column+" uuid")
		if column != "id" {
			s.rows = strings.ReplaceAll(s.rows, column+": "+column, column+": {uuid: "+entity+", of: "+column+"}")
		}
	}
	for _, table := range s.tables {
		entity := strings.TrimSuffix(table, "s")
		at := "from: " + table
		before, after, found := strings.Cut(s.rows, at)
		if found {
			s.rows = before + at + strings.Replace(after, "{id: id", "{id: {uuid: "+entity+", of: id}", 1)
		}
	}
	return s
}

var made = regexp.MustCompile(`\{uuid: (\w+), of: id\}`)

// ordered is the shape with UUIDs that sort as the integers do.
func (s shape) ordered() shape {
	s = s.uuids()
	var entities []string
	for _, maker := range made.FindAllStringSubmatch(s.rows, -1) {
		entities = append(entities, maker[1])
	}
	s.keys, s.order = ".ordered", "ordered_uuids: ["+strings.Join(entities, ", ")+"]\n"
	return s
}
