-- What workers in processes of their own, and a coordinator service, ask of the ledger.

-- A submitted run is the coordinator service's to drive; a parked one waits for an operator.
ALTER TABLE crossfoot_run ADD COLUMN submitted INTEGER NOT NULL DEFAULT 0;
ALTER TABLE crossfoot_run ADD COLUMN parked INTEGER NOT NULL DEFAULT 0;

-- How often work on the chunk was begun, by role, and by whom last.
ALTER TABLE crossfoot_chunk ADD COLUMN processor_starts INTEGER NOT NULL DEFAULT 0;
ALTER TABLE crossfoot_chunk ADD COLUMN writer_starts INTEGER NOT NULL DEFAULT 0;
ALTER TABLE crossfoot_chunk ADD COLUMN started_by INTEGER;

ALTER TABLE crossfoot_worker ADD COLUMN seen_at_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE crossfoot_worker ADD COLUMN stopped_at_ms INTEGER;

-- One row: who is the coordinator service.
CREATE TABLE crossfoot_service (
    one            INTEGER PRIMARY KEY CHECK (one = 1),
    lease_owner    TEXT NOT NULL,
    lease_until_ms INTEGER NOT NULL
) STRICT;

-- What workers found when they read ranges of chunks back, by pass of verification and first chunk.
CREATE TABLE crossfoot_readback (
    run_id      TEXT NOT NULL,
    pass        INTEGER NOT NULL,
    first_chunk INTEGER NOT NULL,
    body        BLOB NOT NULL,
    PRIMARY KEY (run_id, pass, first_chunk)
) STRICT, WITHOUT ROWID;
