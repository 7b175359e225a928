-- The roles of the target database: one for each of the three programs, with no more rights than it needs. Run it once before the
-- first "producer run", as a superuser or as the owner of everything in the schema, and again when tables have come to the schema:
--
--   psql --dbname=app --variable=schema=app --file=target.sql
--
-- and give them passwords: psql's "\password rehome_producer", and so on. Further variables name the roles, where theirs are taken.
-- Where tables are fed in several schemas, run it once for each.
--
-- With --variable=actions=on the aggregator may also do what its dashboard offers to who signs in: pause and resume, republish and discard
-- dead letters. Run it so after the first "producer run", which makes the ledger, and again after each new release.

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
\if :{?actions} \else
\set actions off
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

-- The dashboard's actions: on columns alone, but to forget whom a discarded shard has left out. Neither the plan, nor limits, nor what has arrived.
\if :actions
SELECT to_regclass('rehome.control') IS NOT NULL AS ledger \gset
\if :ledger
GRANT INSERT (migration, version), UPDATE (version, paused, paused_at, rollback) ON rehome.control TO :"aggregator";
GRANT UPDATE (state, closing, position_closed, consistency) ON rehome.migration TO :"aggregator";
GRANT UPDATE (generation, state, mapping_hash, failures, cause, error, trace_id, traceparent, trace_link, first_failed, last_failed, receipt, xid, tried_with,
              discarded, done_at) ON rehome.shard TO :"aggregator";
GRANT INSERT (migration, ordinal, generation, user_hash, user_key, state, cause), DELETE ON rehome.user_state TO :"aggregator";
GRANT INSERT (migration, ordinal, generation, attempt, what, detail) ON rehome.event TO :"aggregator";
GRANT USAGE ON SEQUENCE rehome.event_id TO :"aggregator";
\else
\echo 'There is no ledger yet: run this again after the first "producer run", and the aggregator may act.'
\endif
\endif

COMMIT;
