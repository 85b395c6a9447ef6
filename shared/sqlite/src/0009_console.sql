-- What a console asks: counts of a run's chunks, and of a job's runs, without reading the rows themselves.
CREATE INDEX crossfoot_chunk_counts ON crossfoot_chunk (run_id, state, records, bytes, records_in, accepted, rejected);
CREATE INDEX crossfoot_run_job ON crossfoot_run (job, run_id, state, elapsed_ms, ended_at_ms);
CREATE INDEX crossfoot_run_state ON crossfoot_run (state, run_id);

-- Who may use the console: SHA-256 of each token, never the token itself.
CREATE TABLE crossfoot_token (
    token_id      TEXT PRIMARY KEY,
    name          TEXT NOT NULL,
    -- Names of roles, with commas between them.
    roles         TEXT NOT NULL,
    sha256        BLOB NOT NULL UNIQUE,
    made_by       TEXT NOT NULL,
    made_at_ms    INTEGER NOT NULL,
    expires_at_ms INTEGER,
    revoked_at_ms INTEGER
) STRICT;
