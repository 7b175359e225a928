-- The roles of the target database: one for each of the three programs, with no more rights than it needs. Run it once before the
-- first "producer run", as a superuser or as the owner of everything in the schema, and again when tables have come to the schema:
--
--   psql --dbname=app --variable=schema=app --file=target.sql
--
-- and give them passwords: psql's "\password rehome_producer", and so on. Further variables name the roles, where theirs are taken.
-- Where tables are fed in several schemas, run it once for each.

\set ON_ERROR_STOP on
\if :{?schema} \else
\set schema app
\endif
\if :{?producer} \else
\set producer rehome_producer
\endif
\if :{?worker} \else
\set worker rehome_worker
\endif
\if :{?aggregator} \else
\set aggregator rehome_aggregator
\endif

BEGIN;

SELECT format('CREATE ROLE %I LOGIN', name)
  FROM unnest(ARRAY[:'producer', :'worker', :'aggregator']) AS name
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name)
\gexec

-- The producer ends the sessions of workers that are frozen in the middle of a shard: for that it has to be one of them.
GRANT :"worker" TO :"producer";

SELECT format('GRANT CONNECT ON DATABASE %I TO %I, %I, %I', current_database(), :'producer', :'worker', :'aggregator') \gexec
-- Rows that are done again are compared by way of temporary tables.
SELECT format('GRANT TEMPORARY ON DATABASE %I TO %I, %I', current_database(), :'producer', :'worker') \gexec

-- The ledger. The producer makes its tables when it first runs, and those of each new version; it also takes back what of the following
-- is not needed on some of them. A worker then writes only what shards come to, and can change no plan and no limit.
CREATE SCHEMA IF NOT EXISTS rehome AUTHORIZATION :"producer";
GRANT USAGE ON SCHEMA rehome TO :"worker", :"aggregator";
ALTER DEFAULT PRIVILEGES FOR ROLE :"producer" IN SCHEMA rehome GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO :"worker";
ALTER DEFAULT PRIVILEGES FOR ROLE :"producer" IN SCHEMA rehome GRANT USAGE ON SEQUENCES TO :"worker";
ALTER DEFAULT PRIVILEGES FOR ROLE :"producer" IN SCHEMA rehome GRANT SELECT ON TABLES TO :"aggregator";

-- The fed tables. The producer takes constraints and indexes off for the load and puts them back, which only an owner may do; when the
-- migration is finished they can be given back with REASSIGN OWNED or ALTER TABLE ... OWNER TO. It takes CREATE to build an index.
GRANT USAGE, CREATE ON SCHEMA :"schema" TO :"producer";
SELECT format('ALTER TABLE %s OWNER TO %I', oid::regclass, :'producer')
  FROM pg_class
 WHERE relnamespace = :'schema'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition AND pg_get_userbyid(relowner) <> :'producer'
\gexec
SELECT format('ALTER TABLE %s OWNER TO %I', oid::regclass, :'producer')
  FROM pg_class
 WHERE relnamespace = :'schema'::regnamespace AND relkind IN ('r', 'p') AND relispartition AND pg_get_userbyid(relowner) <> :'producer'
\gexec

-- A worker brings rows, and changes or takes out its own when users are done again. It never runs DDL.
GRANT USAGE ON SCHEMA :"schema" TO :"worker";
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA :"schema" TO :"worker";
GRANT USAGE ON ALL SEQUENCES IN SCHEMA :"schema" TO :"worker";

COMMIT;
