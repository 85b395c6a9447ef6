-- What workers in processes of their own, and a coordinator service, ask of the ledger.

-- A submitted run is the coordinator service's to drive; a parked one waits for an operator.
ALTER TABLE crossfoot_run ADD COLUMN submitted boolean NOT NULL DEFAULT false;
ALTER TABLE crossfoot_run ADD COLUMN parked boolean NOT NULL DEFAULT false;

CREATE INDEX crossfoot_run_waiting ON crossfoot_run (run_id)
WHERE submitted AND NOT parked AND state IN ('loading', 'staged');

-- How often work on the chunk was begun, by role, and by whom last.
ALTER TABLE crossfoot_chunk ADD COLUMN processor_starts bigint NOT NULL DEFAULT 0;
ALTER TABLE crossfoot_chunk ADD COLUMN writer_starts bigint NOT NULL DEFAULT 0;
ALTER TABLE crossfoot_chunk ADD COLUMN started_by bigint;

ALTER TABLE crossfoot_worker ADD COLUMN seen_at_ms bigint NOT NULL DEFAULT 0;
ALTER TABLE crossfoot_worker ADD COLUMN stopped_at_ms bigint;

CREATE INDEX crossfoot_worker_seen ON crossfoot_worker (seen_at_ms);

-- One row: who is the coordinator service.
CREATE TABLE crossfoot_service (
    one            smallint PRIMARY KEY CHECK (one = 1),
    lease_owner    text NOT NULL,
    lease_until_ms bigint NOT NULL
);

-- What workers found when they read ranges of chunks back, by pass of verification and first chunk.
CREATE TABLE crossfoot_readback (
    run_id      uuid NOT NULL,
    pass        bigint NOT NULL,
    first_chunk bigint NOT NULL,
    body        bytea NOT NULL,
    PRIMARY KEY (run_id, pass, first_chunk)
);
