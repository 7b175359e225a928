-- As old as the data: DATETIME columns whose default is the zero date.
SET SESSION sql_mode = '';

CREATE TABLE users (
  id           INT UNSIGNED NOT NULL AUTO_INCREMENT,
  login        VARCHAR(40) NOT NULL,
  email        VARCHAR(190) NOT NULL DEFAULT '',
  password_md5 CHAR(32) NOT NULL DEFAULT '',
  nick         VARCHAR(80) NOT NULL DEFAULT '',
  status       ENUM('active', 'banned', 'pending') NOT NULL DEFAULT 'pending',
  active       TINYINT(1) DEFAULT NULL,
  registered   DATETIME NOT NULL DEFAULT '0000-00-00 00:00:00',
  last_login   DATETIME DEFAULT NULL,
  birthday     DATE NOT NULL DEFAULT '0000-00-00',
  reputation   INT NOT NULL DEFAULT 0,
  credits      BIGINT UNSIGNED NOT NULL DEFAULT 0,
  signup_ip    INT UNSIGNED DEFAULT NULL,
  bio          TEXT,
  pinned_post  INT UNSIGNED DEFAULT NULL,
  PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE profiles (
  user_id   INT UNSIGNED NOT NULL,
  city      VARCHAR(60) CHARACTER SET latin1 DEFAULT NULL,
  country   CHAR(2) CHARACTER SET latin1 DEFAULT NULL,
  homepage  VARCHAR(255) NOT NULL DEFAULT '',
  signature BLOB,
  height_mm SMALLINT UNSIGNED DEFAULT NULL,
  latitude  DOUBLE DEFAULT NULL,
  extra     TEXT,
  updated   TIMESTAMP NULL DEFAULT NULL,
  PRIMARY KEY (user_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE countries (
  code CHAR(2) CHARACTER SET latin1 NOT NULL,
  name VARCHAR(60) NOT NULL,
  PRIMARY KEY (code)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE settings (
  id      INT UNSIGNED NOT NULL AUTO_INCREMENT,
  user_id INT UNSIGNED NOT NULL,
  name    VARCHAR(40) NOT NULL,
  value   VARCHAR(255) DEFAULT NULL,
  PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE categories (
  id    SMALLINT UNSIGNED NOT NULL AUTO_INCREMENT,
  slug  VARCHAR(40) NOT NULL,
  title VARCHAR(80) NOT NULL,
  PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE posts (
  id                 INT UNSIGNED NOT NULL AUTO_INCREMENT,
  user_id            INT UNSIGNED DEFAULT NULL,
  parent_id          INT UNSIGNED DEFAULT NULL,
  accepted_answer_id INT UNSIGNED DEFAULT NULL,
  category_id        SMALLINT UNSIGNED DEFAULT NULL,
  type               TINYINT NOT NULL DEFAULT 0,
  title              VARCHAR(250) DEFAULT NULL,
  body               MEDIUMTEXT NOT NULL,
  views              INT UNSIGNED NOT NULL DEFAULT 0,
  closed             TINYINT(1) DEFAULT NULL,
  created            DATETIME NOT NULL DEFAULT '0000-00-00 00:00:00',
  edited             DATETIME DEFAULT NULL,
  ip                 INT UNSIGNED DEFAULT NULL,
  PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE comments (
  id      INT UNSIGNED NOT NULL AUTO_INCREMENT,
  post_id INT UNSIGNED NOT NULL,
  user_id INT UNSIGNED NOT NULL,
  body    TEXT NOT NULL,
  score   SMALLINT NOT NULL DEFAULT 0,
  created DATETIME NOT NULL,
  PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE follows (
  follower_id INT UNSIGNED NOT NULL,
  followee_id INT UNSIGNED NOT NULL,
  created     DATETIME NOT NULL,
  PRIMARY KEY (follower_id, followee_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE orders (
  id       INT UNSIGNED NOT NULL AUTO_INCREMENT,
  user_id  INT UNSIGNED NOT NULL,
  ref      CHAR(36) CHARACTER SET ascii DEFAULT NULL,
  state    TINYINT NOT NULL DEFAULT 0,
  total    DECIMAL(12,2) NOT NULL DEFAULT 0.00,
  tax      DECIMAL(12,4) DEFAULT NULL,
  invoiced VARCHAR(20) NOT NULL DEFAULT '',
  note     VARCHAR(200) DEFAULT NULL,
  PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE sessions (
  id      CHAR(32) CHARACTER SET ascii NOT NULL,
  user_id INT UNSIGNED NOT NULL,
  data    BLOB,
  PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE schema_migrations (
  version VARCHAR(20) NOT NULL,
  PRIMARY KEY (version)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

INSERT INTO schema_migrations (version) VALUES ('20080401120000'), ('20111103090000'), ('20190217163000');

INSERT INTO countries (code, name) VALUES
  ('AT', 'Österreich'), ('CI', 'Côte d’Ivoire'), ('DE', 'Deutschland'), ('FR', 'France'), ('GR', 'Ελλάδα'), ('JP', '日本'),
  ('NO', 'Norge'), ('PL', 'Polska');

INSERT INTO categories (slug, title) VALUES
  ('arrivals', 'Arrivals'), ('cooking', 'Cooking & baking'), ('garden', 'Garden'), ('help', 'Help!'), ('market', 'Market place'),
  ('music', 'Music'), ('off-topic', 'Off topic'), ('travel', 'Travel');
