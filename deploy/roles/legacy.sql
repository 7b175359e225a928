-- The user by which producer, workers and aggregator read the legacy database. Write your own names for 'rehome', '%', 'change me' and
-- `legacy`, and run it as an administrator:
--
--   mysql < legacy.sql
--
-- It reads and can do nothing else. rehome looks at SHOW GRANTS when it starts, and says so where the user may do more.

CREATE USER IF NOT EXISTS 'rehome'@'%' IDENTIFIED BY 'change me';

-- Everything in the database: also a table that no entry names has to stand under "ignore", so rehome has to see it. SHOW VIEW is for
-- the definitions of views, where the mapping reads from one.
GRANT SELECT, SHOW VIEW ON `legacy`.* TO 'rehome'@'%';

-- Where the binlog stands, which proves that nothing was written during the copy. MariaDB calls it BINLOG MONITOR, and takes this word
-- too, and lets who has it read the binlog's events as well. Without it every table is read twice more for its checksum.
GRANT REPLICATION CLIENT ON *.* TO 'rehome'@'%';

-- On a replica whose lag is to slow the workers down, the same user needs REPLICATION CLIENT on MySQL, and on MariaDB this:
-- GRANT SLAVE MONITOR ON *.* TO 'rehome'@'%';
