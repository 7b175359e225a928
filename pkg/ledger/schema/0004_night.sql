-- The bulk night run: live controls, what the databases bear, gates between waves, and shards that were discarded.

-- What the operator has set for a migration, read by its workers twice a second; no row means that nothing is set.
CREATE TABLE rehome.control (
    migration text PRIMARY KEY REFERENCES rehome.migration ON DELETE CASCADE,
    version   bigint NOT NULL,                         -- grows by one with each change
    paused    text,                                    -- why; NULL while the migration is not paused by its operator
    paused_at timestamptz,
    rollback  boolean NOT NULL DEFAULT false,          -- of a pause: shards in work are rolled back, too
    deadline  timestamptz,                             -- no shard is in work behind it
    limits    jsonb NOT NULL DEFAULT '{}',
    CHECK ((paused IS NULL) = (paused_at IS NULL))
);

-- What was last measured of the two databases, and what follows for the workers.
CREATE TABLE rehome.gauge (
    migration text PRIMARY KEY REFERENCES rehome.migration ON DELETE CASCADE,
    at        timestamptz NOT NULL,
    pace      double precision NOT NULL CHECK (pace BETWEEN 0 AND 1),
    reason    text NOT NULL,
    load      jsonb NOT NULL
);

-- The gates that were come to: the wave behind one is published when it has passed, or when the operator has said so.
CREATE TABLE rehome.gate (
    migration  text NOT NULL REFERENCES rehome.migration ON DELETE CASCADE,
    wave       integer NOT NULL,                       -- whose gate it is
    state      text NOT NULL CHECK (state IN ('passed', 'closed')),
    reasons    text[] NOT NULL,                        -- why it is closed, or was
    overridden boolean NOT NULL DEFAULT false,         -- passed all the same, as the operator said
    at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (migration, wave)
);

ALTER TABLE rehome.worker
    ADD busy     integer NOT NULL DEFAULT 0,           -- slots with a shard
    ADD rows     bigint NOT NULL DEFAULT 0,            -- read since it was started
    ADD slow     text NOT NULL DEFAULT '',             -- why it is slower than it could be
    ADD seen     bigint NOT NULL DEFAULT 0,            -- version of the controls that it goes by
    ADD stopping boolean NOT NULL DEFAULT false;       -- it was told to stop, and takes nothing new

ALTER TABLE rehome.shard
    DROP CONSTRAINT shard_state_check,
    DROP CONSTRAINT shard_check1,
    ADD CONSTRAINT shard_state_check CHECK (state IN ('planned', 'split', 'done', 'dead', 'discarded')),
    ADD CONSTRAINT shard_receipt_check CHECK ((state IN ('done', 'dead', 'discarded')) = (receipt IS NOT NULL)),
    ADD claimed_at timestamptz,                        -- of the last claim
    ADD tried_with jsonb,                              -- of a failed shard: what could be changed before it is tried again
    ADD discarded  text;                               -- why a person has let it go
CREATE INDEX ON rehome.shard (migration, holder) WHERE state = 'planned' AND holder IS NOT NULL;
