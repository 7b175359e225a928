-- Tables marked "by migration" have one partition for each migration, made with its plan and dropped by its reset. There are no foreign keys
-- to rehome.migration: attaching a partition would then lock that table against every other migration.

CREATE TABLE rehome.migration (
    name             text PRIMARY KEY CHECK (name ~ '^[a-z0-9_]{1,32}$'),
    run              text NOT NULL,                    -- drawn at random for each committed plan
    state            text NOT NULL CHECK (state IN ('planned', 'loading', 'settling', 'finished')),
    mapping_hash     text NOT NULL,
    fingerprint      text NOT NULL,                    -- of both schemas
    legacy_identity  text NOT NULL,
    target_identity  text NOT NULL,
    secret           bytea NOT NULL CHECK (octet_length(secret) = 32), -- keys the hashes by which text keys leave the ledger
    position_planned text NOT NULL DEFAULT '',
    position_closed  text NOT NULL DEFAULT '',
    consistency      text NOT NULL DEFAULT '',
    paused           text,                             -- why; NULL while it runs
    next_ordinal     integer NOT NULL,
    started_at       timestamptz NOT NULL DEFAULT now(),
    finished_at      timestamptz,
    plan             jsonb NOT NULL DEFAULT '{}',
    closing          jsonb NOT NULL DEFAULT '{}',
    verdict          jsonb
);

CREATE TABLE rehome.mapping (
    hash      text PRIMARY KEY,
    canonical bytea NOT NULL
);

-- By migration: the grid over the users' key, in its order.
CREATE TABLE rehome.cell (
    migration   text NOT NULL,
    ordinal     integer NOT NULL,
    after_key   bytea,                                 -- NULL is the open end
    through_key bytea,
    users       integer NOT NULL,
    hashes      bytea NOT NULL,                        -- 8 bytes, big endian, for each planned user
    PRIMARY KEY (migration, ordinal),
    CHECK (octet_length(hashes) = 8 * users)
) PARTITION BY LIST (migration);
ALTER TABLE rehome.cell ALTER hashes SET STORAGE EXTERNAL;

-- By migration.
CREATE TABLE rehome.shard (
    migration      text NOT NULL,
    ordinal        integer NOT NULL,
    generation     integer NOT NULL,
    kind           text NOT NULL,
    wave           integer NOT NULL,
    entry          integer NOT NULL,
    after_key      bytea,
    through_key    bytea,
    cell_first     integer NOT NULL,
    cell_limit     integer NOT NULL CHECK (cell_limit >= cell_first),
    users          bigint NOT NULL,
    weight         bigint NOT NULL,
    parent         integer NOT NULL,
    state          text NOT NULL CHECK (state IN ('planned', 'split', 'done', 'dead')),
    mapping_hash   text NOT NULL,
    attempt        integer NOT NULL DEFAULT 0,         -- the fencing token: every claim adds one
    failures       integer NOT NULL DEFAULT 0,         -- attempts that failed by the data's fault
    holder         uuid,
    holder_pid     integer,
    holder_started timestamptz,                        -- backend_start of holder_pid
    cause          text,
    error          text,                               -- redacted
    trace_id       text,
    first_failed   timestamptz,
    last_failed    timestamptz,
    receipt        jsonb,
    xid            xid8,                               -- of the transaction that wrote the receipt
    migrated       bigint NOT NULL DEFAULT 0,          -- three sums of the receipt, for the progress
    quarantined    bigint NOT NULL DEFAULT 0,
    written        bigint NOT NULL DEFAULT 0,
    done_at        timestamptz,
    PRIMARY KEY (migration, ordinal, generation),
    CHECK ((state IN ('done', 'dead')) = (receipt IS NOT NULL)),
    CHECK ((receipt IS NULL) = (xid IS NULL))
) PARTITION BY LIST (migration);
CREATE INDEX ON rehome.shard USING gist (int4range(cell_first, cell_limit));
CREATE INDEX ON rehome.shard (migration, xid) WHERE xid IS NOT NULL;
CREATE INDEX ON rehome.shard (migration, wave) WHERE state = 'planned';

CREATE TABLE rehome.worker (
    holder     uuid PRIMARY KEY,                       -- one incarnation of a process
    migration  text NOT NULL,
    host       text NOT NULL,
    program    text NOT NULL,
    slots      integer NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    beat       timestamptz NOT NULL                    -- by this server's clock
);

-- By migration: who was read by a shard and arrived, in blocks of 1,000; the unit n stands in block n / 1000, and is NULL there if it did not arrive.
CREATE TABLE rehome.roster (
    migration  text NOT NULL,
    ordinal    integer NOT NULL,
    generation integer NOT NULL,
    block      integer NOT NULL,
    keys       bytea[] NOT NULL,                       -- canonical texts
    hashes     bigint[] NOT NULL,
    PRIMARY KEY (migration, ordinal, generation, block)
) PARTITION BY LIST (migration);

-- By migration: the rows that arrived, as they were read back. Never changed; rehome.undone tells what was taken out again.
CREATE TABLE rehome.manifest (
    migration   text NOT NULL,
    ordinal     integer NOT NULL,
    generation  integer NOT NULL,
    entry       integer NOT NULL,
    block       integer NOT NULL,
    units       integer[] NOT NULL,                    -- the four run in parallel
    target_keys bytea[] NOT NULL,
    legacy_keys bytea[] NOT NULL,
    digests     bytea NOT NULL,                        -- 16 bytes for each row; the first 8 are its 64-bit hash
    PRIMARY KEY (migration, ordinal, generation, entry, block),
    CHECK (octet_length(digests) = 16 * cardinality(units)),
    CHECK (cardinality(target_keys) = cardinality(units) AND cardinality(legacy_keys) = cardinality(units))
) PARTITION BY LIST (migration);
ALTER TABLE rehome.manifest ALTER digests SET STORAGE EXTERNAL;

-- By migration: rows of the manifest that no longer stand in the target.
CREATE TABLE rehome.undone (
    migration  text NOT NULL,
    ordinal    integer NOT NULL,                       -- these four name the row of the manifest
    generation integer NOT NULL,
    entry      integer NOT NULL,
    target_key bytea NOT NULL,
    by_ordinal integer NOT NULL,                       -- the shard that took it out
    PRIMARY KEY (migration, entry, target_key, ordinal, generation)
) PARTITION BY LIST (migration);

-- By migration: users who are not simply "migrated with their shard".
CREATE TABLE rehome.user_state (
    migration  text NOT NULL,
    user_hash  bigint NOT NULL,
    user_key   bytea NOT NULL,
    state      text NOT NULL CHECK (state IN ('quarantined', 'left_out', 'merged', 'waiting', 'redone')),
    cause      text NOT NULL,
    ordinal    integer NOT NULL,
    generation integer NOT NULL,
    at         timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (migration, user_hash, user_key)
) PARTITION BY LIST (migration);
CREATE INDEX ON rehome.user_state (migration, ordinal, generation);

-- By migration: the rows that are why something was kept out.
CREATE TABLE rehome.set_aside (
    migration  text NOT NULL,
    ordinal    integer NOT NULL,
    generation integer NOT NULL,
    entry      integer NOT NULL,
    user_key   bytea,                                  -- NULL for a row without a user
    legacy_key bytea,                                  -- NULL where only the target could tell, and did not say which row
    cause      text NOT NULL,
    others     bytea[]                                 -- of a unique collision: the keys of the other users in it, a few of them
) PARTITION BY LIST (migration);
CREATE INDEX ON rehome.set_aside (migration, user_key);

-- By migration: rows that need another row which is not there.
CREATE TABLE rehome.waiting (
    migration   text NOT NULL,
    ordinal     integer NOT NULL,
    generation  integer NOT NULL,
    entry       integer NOT NULL,
    user_key    bytea,
    legacy_key  bytea NOT NULL,
    cause       text NOT NULL,
    needs_table text NOT NULL,
    needs_key   bytea NOT NULL
) PARTITION BY LIST (migration);
CREATE INDEX ON rehome.waiting (migration, needs_table, needs_key);
CREATE INDEX ON rehome.waiting (migration, user_key);

-- By migration: who was kept out by whose row.
CREATE TABLE rehome.collision (
    migration  text NOT NULL,
    ordinal    integer NOT NULL,
    generation integer NOT NULL,
    entry      integer NOT NULL,
    unit_key   bytea NOT NULL,
    cause      text NOT NULL,
    target_key bytea NOT NULL                          -- the row that was there first
) PARTITION BY LIST (migration);

-- By migration: target keys that cannot be derived from legacy keys.
CREATE TABLE rehome.identity (
    migration  text NOT NULL,
    entity     text NOT NULL,
    legacy_key bytea NOT NULL,
    target_key bytea NOT NULL,
    version    integer NOT NULL,
    PRIMARY KEY (migration, entity, legacy_key, version)
) PARTITION BY LIST (migration);

-- By migration: what happened, append-only.
CREATE SEQUENCE rehome.event_id;
CREATE TABLE rehome.event (
    migration  text NOT NULL,
    id         bigint NOT NULL DEFAULT nextval('rehome.event_id'),
    ordinal    integer NOT NULL,                       -- -1 for the migration as a whole
    generation integer NOT NULL,
    attempt    integer NOT NULL,
    at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    what       text NOT NULL,
    detail     jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (migration, id)
) PARTITION BY LIST (migration);
-- The database itself refuses to apply a shard twice.
CREATE UNIQUE INDEX applied_once ON rehome.event (migration, ordinal, generation) WHERE what = 'applied';

-- Constraints and indexes that were taken off for the load, or are only watched.
CREATE TABLE rehome.part (
    migration  text NOT NULL REFERENCES rehome.migration ON DELETE CASCADE,
    ordinal    integer NOT NULL,
    table_name text NOT NULL,
    name       text NOT NULL,
    kind       text NOT NULL,
    definition text NOT NULL,
    detail     jsonb NOT NULL DEFAULT '{}',
    state      text NOT NULL CHECK (state IN ('on', 'off', 'valid', 'violated')),
    violations bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (migration, ordinal)
);

-- One row for each user whom the ledger holds. The column rows_standing reads the shard's manifest for each user: ask for one user, or for few.
CREATE VIEW rehome.users AS
SELECT r.migration, u.key AS user_key, encode(u.key, 'escape') AS user_text, u.hash AS user_hash,
       coalesce(s.state, 'migrated') AS state, coalesce(s.cause, '') AS cause, r.ordinal, r.generation,
       (SELECT count(*)
          FROM rehome.manifest m, unnest(m.units, m.target_keys) AS t (unit, target_key)
         WHERE m.migration = r.migration AND m.ordinal = r.ordinal AND m.generation = r.generation AND t.unit = r.block * 1000 + u.position - 1
           AND NOT EXISTS (SELECT FROM rehome.undone x
                            WHERE x.migration = m.migration AND x.entry = m.entry AND x.target_key = t.target_key
                              AND x.ordinal = m.ordinal AND x.generation = m.generation)) AS rows_standing
  FROM rehome.roster r
 CROSS JOIN LATERAL unnest(r.keys, r.hashes) WITH ORDINALITY AS u (key, hash, position)
  LEFT JOIN rehome.user_state s ON s.migration = r.migration AND s.user_hash = u.hash AND s.user_key = u.key
 WHERE u.key IS NOT NULL
UNION ALL
SELECT s.migration, s.user_key, encode(s.user_key, 'escape'), s.user_hash, s.state, s.cause, s.ordinal, s.generation, 0
  FROM rehome.user_state s
 WHERE NOT EXISTS (SELECT
                     FROM rehome.roster r
                    CROSS JOIN LATERAL unnest(r.keys, r.hashes) AS u (key, hash)
                    WHERE r.migration = s.migration AND u.hash = s.user_hash AND u.key = s.user_key);

-- Servers before 14, and those built without lz4, keep the default.
DO $$
BEGIN
    EXECUTE 'ALTER TABLE rehome.roster ALTER keys SET COMPRESSION lz4';
    EXECUTE 'ALTER TABLE rehome.manifest ALTER target_keys SET COMPRESSION lz4, ALTER legacy_keys SET COMPRESSION lz4, ALTER units SET COMPRESSION lz4';
EXCEPTION WHEN syntax_error OR feature_not_supported THEN
    NULL;
END
$$;
