-- What the newest audit of a migration came to, by its shards; the next audit takes it out.

CREATE TABLE rehome.audited (
    migration   text NOT NULL REFERENCES rehome.migration ON DELETE CASCADE,
    ordinal     integer NOT NULL,                      -- of the audit's shard
    generation  integer NOT NULL,
    entry       integer NOT NULL,                      -- -1 for users
    class       text NOT NULL,
    column_name text NOT NULL,                         -- empty where rows are counted and not values
    rule        text NOT NULL,
    rows        bigint NOT NULL,
    PRIMARY KEY (migration, ordinal, generation, entry, class, column_name, rule)
);

-- Rows in which both sides differ: a limited number for each shard.
CREATE TABLE rehome.finding (
    migration  text NOT NULL REFERENCES rehome.migration ON DELETE CASCADE,
    ordinal    integer NOT NULL,
    generation integer NOT NULL,
    entry      integer NOT NULL,
    class      text NOT NULL,
    user_key   bytea,                                  -- NULL where there is none, or where it cannot be told
    legacy_key bytea,
    target_key bytea,
    columns    text[] NOT NULL
);
CREATE INDEX ON rehome.finding (migration, ordinal);
CREATE INDEX ON rehome.finding (migration, user_key);

-- What would have to be done again to put them right: all of it.
CREATE TABLE rehome.suspect (
    migration  text NOT NULL REFERENCES rehome.migration ON DELETE CASCADE,
    ordinal    integer NOT NULL,
    generation integer NOT NULL,
    of_kind    text NOT NULL,                          -- users, unowned or own_key
    entry      integer NOT NULL,
    unit_key   bytea NOT NULL                          -- in the ledger's own form
);
CREATE INDEX ON rehome.suspect (migration, ordinal);
