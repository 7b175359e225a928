-- Doing again: the lists of redos, the account of each unit, conflicts, originals, and the mappings that a migration was told to go by.

ALTER TABLE rehome.shard
    ADD of_kind  text NOT NULL DEFAULT '',             -- of redo and audit: the kind of their units
    ADD accounts boolean NOT NULL DEFAULT false,       -- its rosters name units of every kind, with their counts; not so what the first release wrote
    ADD waves    jsonb;                                -- of settle and redo: [[wave, migrated, quarantined], ...], signed, by the waves that brought the users

-- A block of a shard has a row for each kind of its units; the units of other kinds are NULL there.
ALTER TABLE rehome.roster
    ADD of_kind text NOT NULL DEFAULT 'users',         -- users, unowned or own_key
    ADD entry   integer NOT NULL DEFAULT -1,           -- of units that are no users, whose keys are in the ledger's own form
    ADD redo    boolean NOT NULL DEFAULT false,        -- the shard has read them again
    ADD counts  bytea NOT NULL DEFAULT '',             -- what was set aside, left out and gathered of the units, where anything was
    DROP CONSTRAINT roster_pkey,
    ADD PRIMARY KEY (migration, ordinal, generation, block, of_kind, entry);
CREATE INDEX ON rehome.roster (migration) WHERE redo;

ALTER TABLE rehome.user_state
    DROP CONSTRAINT user_state_state_check,
    ADD CONSTRAINT user_state_state_check CHECK (state IN ('quarantined', 'left_out', 'merged', 'waiting', 'redone', 'vanished')),
    ADD counted    boolean NOT NULL DEFAULT true,      -- ordinal and generation are those of the first shard that read the user; else a roster names it
    ADD by_ordinal integer;                            -- the shard that made the state what it is; NULL is ordinal

ALTER TABLE rehome.set_aside
    ADD of_kind  text NOT NULL DEFAULT 'users',        -- as in rehome.roster, here and in the next two
    ADD unit_key bytea;                                -- of a row without a user: its unit, in the ledger's own form; here and in waiting
ALTER TABLE rehome.waiting
    ADD of_kind  text NOT NULL DEFAULT 'users',
    ADD unit_key bytea;
ALTER TABLE rehome.collision
    ADD of_kind  text NOT NULL DEFAULT 'users';
CREATE INDEX ON rehome.set_aside (migration, unit_key) WHERE unit_key IS NOT NULL;
CREATE INDEX ON rehome.waiting (migration, unit_key) WHERE unit_key IS NOT NULL;
CREATE INDEX ON rehome.collision (migration, unit_key);

-- By migration: counts of units that are not those of the roster of the shard that first read them.
CREATE TABLE rehome.account (
    migration text NOT NULL,
    of_kind   text NOT NULL,
    entry     integer NOT NULL,
    unit_hash bigint NOT NULL,
    unit_key  bytea NOT NULL,
    counts    bytea NOT NULL,
    PRIMARY KEY (migration, unit_hash, unit_key, of_kind, entry)
) PARTITION BY LIST (migration);

-- By migration: what redos are to do, in blocks. A shard that is published again keeps its list.
CREATE TABLE rehome.redo_list (
    migration     text NOT NULL,
    ordinal       integer NOT NULL,
    block         integer NOT NULL,
    units         bytea[] NOT NULL,                    -- in the ledger's own form
    stray_entries integer[] NOT NULL,
    stray_keys    bytea[] NOT NULL,
    overwrite     boolean NOT NULL,
    nothing       boolean NOT NULL,
    cause         text NOT NULL,                       -- why the units are quarantined; empty for none
    PRIMARY KEY (migration, ordinal, block)
) PARTITION BY LIST (migration);

-- By migration: rows that the target itself has changed, deleted or added, as the newest redo met them.
CREATE TABLE rehome.conflict (
    migration  text NOT NULL,
    entry      integer NOT NULL,
    target_key bytea NOT NULL,
    of_kind    text NOT NULL,
    user_key   bytea,
    unit_key   bytea,
    legacy_key bytea,                                  -- NULL for a row that only the target has
    kind       text NOT NULL,
    settled    boolean NOT NULL,
    ordinal    integer NOT NULL,
    generation integer NOT NULL,
    at         timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (migration, entry, target_key)
) PARTITION BY LIST (migration);
CREATE INDEX ON rehome.conflict (migration, user_key);
CREATE INDEX ON rehome.conflict (migration, unit_key) WHERE unit_key IS NOT NULL;

-- By migration: what rules that lose something made something else of, and the target's rows that gave way in a conflict.
CREATE TABLE rehome.original (
    migration   text NOT NULL,
    ordinal     integer NOT NULL,
    generation  integer NOT NULL,
    entry       integer NOT NULL,
    of_kind     text NOT NULL,
    user_key    bytea,                                 -- NULL for a row without a user
    unit_key    bytea,
    legacy_key  bytea,                                 -- NULL for a row that only the target had
    target_key  bytea,                                 -- NULL where the value did not reach the target
    column_name text NOT NULL,                         -- empty for a whole row, in binary COPY form
    rule        text NOT NULL,
    bytes       bytea                                  -- NULL is NULL
) PARTITION BY LIST (migration);
CREATE INDEX ON rehome.original (migration, user_key);
CREATE INDEX ON rehome.original (migration, unit_key) WHERE unit_key IS NOT NULL;

-- By migration: the mappings that it was told to go by, one after the other.
CREATE TABLE rehome.accepted (
    migration   text NOT NULL,
    number      integer NOT NULL,
    hash        text NOT NULL,
    fingerprint text NOT NULL,                         -- of both schemas as far as this mapping uses them
    at          timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (migration, number)
) PARTITION BY LIST (migration);

DO $$
DECLARE
    name text;
    part text;
BEGIN
    FOR name IN SELECT m.name FROM rehome.migration m LOOP
        FOREACH part IN ARRAY ARRAY['account', 'redo_list', 'conflict', 'original', 'accepted'] LOOP
            EXECUTE format('CREATE TABLE rehome.%I (LIKE rehome.%I INCLUDING ALL)', part || '__' || name, part);
            EXECUTE format('ALTER TABLE rehome.%I ATTACH PARTITION rehome.%I FOR VALUES IN (%L)', part, part || '__' || name, name);
        END LOOP;
    END LOOP;
END
$$;

INSERT INTO rehome.accepted (migration, number, hash, fingerprint, at)
SELECT name, 1, mapping_hash, fingerprint, started_at FROM rehome.migration;

-- Settling quarantined users who had arrived: their rosters name them.
UPDATE rehome.user_state x SET counted = false
  FROM rehome.shard s
 WHERE s.migration = x.migration AND s.ordinal = x.ordinal AND s.generation = x.generation AND s.kind = 'settle';

UPDATE rehome.shard q SET waves = (
    SELECT coalesce(jsonb_agg(jsonb_build_array(w.wave, -w.n, w.n)), '[]')
      FROM (SELECT s.wave, count(*) AS n
              FROM rehome.user_state x
              JOIN (rehome.roster r CROSS JOIN LATERAL unnest(r.hashes, r.keys) AS u (hash, key))
                ON r.migration = x.migration AND u.hash = x.user_hash AND u.key = x.user_key
              JOIN rehome.shard s ON s.migration = r.migration AND s.ordinal = r.ordinal AND s.generation = r.generation
             WHERE x.migration = q.migration AND x.ordinal = q.ordinal AND x.generation = q.generation
             GROUP BY s.wave) AS w)
 WHERE q.kind = 'settle';

-- A row of an own key was read by that key, which the first release did not write down.
UPDATE rehome.set_aside x SET of_kind = s.kind, unit_key = CASE s.kind WHEN 'unowned' THEN x.legacy_key END
  FROM rehome.shard s
 WHERE s.migration = x.migration AND s.ordinal = x.ordinal AND s.generation = x.generation AND s.kind IN ('unowned', 'own_key');
UPDATE rehome.waiting x SET of_kind = s.kind, unit_key = CASE s.kind WHEN 'unowned' THEN x.legacy_key END
  FROM rehome.shard s
 WHERE s.migration = x.migration AND s.ordinal = x.ordinal AND s.generation = x.generation AND s.kind IN ('unowned', 'own_key');
UPDATE rehome.collision x SET of_kind = s.kind
  FROM rehome.shard s
 WHERE s.migration = x.migration AND s.ordinal = x.ordinal AND s.generation = x.generation AND s.kind IN ('unowned', 'own_key');

-- Each user once. A user who was read again has rows in the manifests of several shards; those of redos are few.
CREATE OR REPLACE VIEW rehome.users AS
WITH again AS NOT MATERIALIZED (
    SELECT q.migration, v.hash, v.key, q.ordinal, q.generation, (q.block * 1000 + v.position - 1)::integer AS unit
      FROM rehome.roster q
     CROSS JOIN LATERAL unnest(q.hashes, q.keys) WITH ORDINALITY AS v (hash, key, position)
     WHERE q.redo AND q.of_kind = 'users' AND v.key IS NOT NULL
), named AS NOT MATERIALIZED (
    SELECT r.migration, u.key, u.hash, coalesce(s.state, 'migrated') AS state, coalesce(s.cause, '') AS cause, r.ordinal, r.generation,
           (r.block * 1000 + u.position - 1)::integer AS unit
      FROM rehome.roster r
     CROSS JOIN LATERAL unnest(r.keys, r.hashes) WITH ORDINALITY AS u (key, hash, position)
      LEFT JOIN rehome.user_state s ON s.migration = r.migration AND s.user_hash = u.hash AND s.user_key = u.key
     WHERE u.key IS NOT NULL AND r.of_kind = 'users' AND NOT r.redo
    UNION ALL
    SELECT s.migration, s.user_key, s.user_hash, s.state, s.cause, s.ordinal, s.generation, NULL
      FROM rehome.user_state s
     WHERE s.counted
)
SELECT n.migration, n.key AS user_key, encode(n.key, 'escape') AS user_text, n.hash AS user_hash, n.state, n.cause, n.ordinal, n.generation,
       (SELECT count(*)
          FROM (SELECT n.ordinal, n.generation, n.unit
                 UNION ALL
                SELECT a.ordinal, a.generation, a.unit FROM again a WHERE a.migration = n.migration AND a.hash = n.hash AND a.key = n.key) AS p
          JOIN rehome.manifest m ON m.migration = n.migration AND m.ordinal = p.ordinal AND m.generation = p.generation
         CROSS JOIN LATERAL unnest(m.units, m.target_keys) AS t (unit, target_key)
         WHERE t.unit = p.unit
           AND NOT EXISTS (SELECT FROM rehome.undone x
                            WHERE x.migration = m.migration AND x.entry = m.entry AND x.target_key = t.target_key
                              AND x.ordinal = m.ordinal AND x.generation = m.generation)) AS rows_standing
  FROM named n;
