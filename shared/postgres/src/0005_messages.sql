-- Messages are of one store, and sealed with its keys.

-- One row: the store's identity, which every message names. A copy of the database has the same one.
CREATE TABLE crossfoot_store (
    one      smallint PRIMARY KEY CHECK (one = 1),
    store_id uuid NOT NULL
);

-- The newest two: the key that seals messages, and the one before it, which is still believed.
CREATE TABLE crossfoot_message_key (
    generation bigint PRIMARY KEY,
    key        bytea NOT NULL,
    made_at_ms bigint NOT NULL
);

-- Of how many chunks the coordinator decodes the source's bytes itself.
ALTER TABLE crossfoot_run ADD COLUMN verify_source text NOT NULL DEFAULT 'sample';

-- What the coordinator decoded a chunk to, where it did; and what was committed of it.
ALTER TABLE crossfoot_chunk ADD COLUMN decoded bytea;
ALTER TABLE crossfoot_chunk ADD COLUMN content bytea;

-- What is read back is of a range with both ends: one of the same beginning and another end is another range.
DROP TABLE crossfoot_readback;
CREATE TABLE crossfoot_readback (
    run_id      uuid NOT NULL,
    pass        bigint NOT NULL,
    first_chunk bigint NOT NULL,
    end_chunk   bigint NOT NULL,
    body        bytea NOT NULL,
    PRIMARY KEY (run_id, pass, first_chunk, end_chunk)
);
