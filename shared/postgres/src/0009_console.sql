-- What a console asks: counts of a run's chunks, and of a job's runs, without reading the rows themselves.
CREATE INDEX crossfoot_chunk_counts ON crossfoot_chunk (run_id, state)
INCLUDE (records, bytes, records_in, accepted, rejected);
CREATE INDEX crossfoot_run_job ON crossfoot_run (job, run_id) INCLUDE (state, elapsed_ms, ended_at_ms);
CREATE INDEX crossfoot_run_state ON crossfoot_run (state, run_id);

-- Who may use the console: SHA-256 of each token, never the token itself.
CREATE TABLE crossfoot_token (
    token_id      text PRIMARY KEY,
    name          text NOT NULL,
    -- Names of roles, with commas between them.
    roles         text NOT NULL,
    sha256        bytea NOT NULL UNIQUE,
    made_by       text NOT NULL,
    made_at_ms    bigint NOT NULL,
    expires_at_ms bigint,
    revoked_at_ms bigint
);
