-- Seeing the night: what has set a shard back without its own fault, and where the traces of its attempts stand.

ALTER TABLE rehome.shard
    ADD outages     integer NOT NULL DEFAULT 0,        -- attempts that failed by no fault of the data; kept when it is done
    ADD outage      text,                              -- of the last of them; redacted
    ADD outage_at   timestamptz,                       -- of the last of them
    ADD traceparent text,                              -- W3C trace context of the last attempt, whose trace trace_id names
    ADD trace_link  text;                              -- the same of what this generation goes on from in a trace of its own: the dead one before it
CREATE INDEX ON rehome.shard (migration, outage_at) WHERE state = 'planned' AND outages > 0;
CREATE INDEX ON rehome.shard (migration) WHERE kind = 'redo'; -- few, and asked for with every part of the grid
