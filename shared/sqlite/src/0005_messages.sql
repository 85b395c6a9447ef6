-- Messages are of one store, and sealed with its keys.

-- One row: the store's identity, which every message names. A copy of the file has the same one.
CREATE TABLE crossfoot_store (
    one      INTEGER PRIMARY KEY CHECK (one = 1),
    store_id TEXT NOT NULL
) STRICT;

-- The newest two: the key that seals messages, and the one before it, which is still believed.
CREATE TABLE crossfoot_message_key (
    generation INTEGER PRIMARY KEY,
    key        BLOB NOT NULL,
    made_at_ms INTEGER NOT NULL
) STRICT;

-- Of how many chunks the coordinator decodes the source's bytes itself.
ALTER TABLE crossfoot_run ADD COLUMN verify_source TEXT NOT NULL DEFAULT 'sample';

-- What the coordinator decoded a chunk to, where it did; and what was committed of it.
ALTER TABLE crossfoot_chunk ADD COLUMN decoded BLOB;
ALTER TABLE crossfoot_chunk ADD COLUMN content BLOB;

-- What is read back is of a range with both ends: one of the same beginning and another end is another range.
DROP TABLE crossfoot_readback;
CREATE TABLE crossfoot_readback (
    run_id      TEXT NOT NULL,
    pass        INTEGER NOT NULL,
    first_chunk INTEGER NOT NULL,
    end_chunk   INTEGER NOT NULL,
    body        BLOB NOT NULL,
    PRIMARY KEY (run_id, pass, first_chunk, end_chunk)
) STRICT, WITHOUT ROWID;
