-- The ledger and the evidence. Times are milliseconds since 1970-01-01 UTC; digests are hexadecimal text or 32-byte blobs.

CREATE TABLE crossfoot_job (
    digest TEXT PRIMARY KEY,
    name   TEXT NOT NULL,
    body   TEXT NOT NULL
) STRICT;

CREATE TABLE crossfoot_run (
    run_id             TEXT PRIMARY KEY,
    job                TEXT NOT NULL,
    job_digest         TEXT NOT NULL REFERENCES crossfoot_job (digest),
    state              TEXT NOT NULL,
    source             TEXT NOT NULL,
    source_bytes       INTEGER,
    source_sha256      TEXT,
    declared           TEXT,
    chunk_bytes        INTEGER NOT NULL,
    chunk_records      INTEGER NOT NULL,
    again              INTEGER NOT NULL,
    pause_after_staged INTEGER NOT NULL,
    actor              TEXT NOT NULL,
    opened_at_ms       INTEGER NOT NULL,
    ended_at_ms        INTEGER,
    elapsed_ms         INTEGER NOT NULL DEFAULT 0,
    -- Counts how often the run was taken up; a coordinator with an older number is fenced off.
    epoch              INTEGER NOT NULL DEFAULT 0,
    -- Whether loading was taken up more than once: reports of what was committed just before may be missing then.
    interrupted        INTEGER NOT NULL DEFAULT 0,
    lease_owner        TEXT,
    lease_until_ms     INTEGER,
    purged             INTEGER NOT NULL DEFAULT 0,
    note               TEXT,
    -- Known once the splitter has reached the source's end.
    split_chunks       INTEGER,
    split_records      INTEGER,
    split_bytes        INTEGER,
    split_header_bytes INTEGER,
    split_disk_bytes   INTEGER,
    split_sha256       TEXT,
    -- What the last reconciliation found, as JSON.
    summary            TEXT
) STRICT;

CREATE INDEX crossfoot_run_source ON crossfoot_run (job, split_sha256);

CREATE TABLE crossfoot_worker (
    worker_id     INTEGER PRIMARY KEY AUTOINCREMENT,
    name          TEXT NOT NULL,
    role          TEXT NOT NULL,
    host          TEXT NOT NULL,
    pid           INTEGER NOT NULL,
    version       TEXT NOT NULL,
    started_at_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE crossfoot_chunk (
    run_id          TEXT NOT NULL,
    chunk_no        INTEGER NOT NULL,
    state           TEXT NOT NULL,
    offset_bytes    INTEGER NOT NULL,
    bytes           INTEGER NOT NULL,
    first_record_no INTEGER NOT NULL,
    records         INTEGER NOT NULL,
    sha256          BLOB NOT NULL,
    -- Of each record type the latest record before the chunk, where records have parents: a JSON list.
    parents         TEXT,
    -- From here on: what was committed.
    processor_id    INTEGER,
    writer_id       INTEGER,
    bytes_in        INTEGER,
    records_in      INTEGER,
    accepted        INTEGER,
    -- Of these, those of each record type: a JSON list.
    by_type         TEXT,
    rejected        INTEGER,
    sums            TEXT,
    rejected_sums   TEXT,
    tree            BLOB,
    footing         BLOB,
    rules           TEXT,
    reason          TEXT,
    PRIMARY KEY (run_id, chunk_no)
) STRICT, WITHOUT ROWID;

CREATE TABLE crossfoot_report (
    run_id    TEXT NOT NULL,
    chunk_no  INTEGER NOT NULL,
    role      TEXT NOT NULL,
    worker_id INTEGER NOT NULL,
    records   INTEGER NOT NULL,
    accepted  INTEGER NOT NULL,
    rejected  INTEGER NOT NULL,
    bytes     INTEGER NOT NULL,
    busy_us   INTEGER NOT NULL,
    PRIMARY KEY (run_id, chunk_no, role, worker_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE crossfoot_reject (
    run_id       TEXT NOT NULL,
    chunk_no     INTEGER NOT NULL,
    record_no    INTEGER NOT NULL,
    offset_bytes INTEGER NOT NULL,
    worker_id    INTEGER NOT NULL,
    raw          BLOB NOT NULL,
    PRIMARY KEY (run_id, chunk_no, record_no)
) STRICT, WITHOUT ROWID;

CREATE TABLE crossfoot_reject_reason (
    run_id    TEXT NOT NULL,
    record_no INTEGER NOT NULL,
    reason_no INTEGER NOT NULL,
    field     TEXT,
    code      TEXT NOT NULL,
    detail    TEXT NOT NULL,
    PRIMARY KEY (run_id, record_no, reason_no)
) STRICT, WITHOUT ROWID;

-- Records that break a rule, by the rule's place in the job; -1: the key is an earlier record's, -2: the key is in final already.
CREATE TABLE crossfoot_breach (
    run_id    TEXT NOT NULL,
    rule_no   INTEGER NOT NULL,
    chunk_no  INTEGER NOT NULL,
    record_no INTEGER NOT NULL,
    PRIMARY KEY (run_id, rule_no, chunk_no, record_no)
) STRICT, WITHOUT ROWID;

-- Staged records that are not promoted: `held` by a rule, or `merged` into a later record with the same key.
CREATE TABLE crossfoot_exclusion (
    run_id    TEXT NOT NULL,
    chunk_no  INTEGER NOT NULL,
    record_no INTEGER NOT NULL,
    kind      TEXT NOT NULL,
    PRIMARY KEY (run_id, chunk_no, record_no)
) STRICT, WITHOUT ROWID;

CREATE TABLE crossfoot_check (
    run_id    TEXT NOT NULL,
    check_no  INTEGER NOT NULL,
    name      TEXT NOT NULL,
    verdict   TEXT NOT NULL,
    body      TEXT NOT NULL,
    PRIMARY KEY (run_id, check_no)
) STRICT, WITHOUT ROWID;

CREATE TABLE crossfoot_finding (
    run_id     TEXT NOT NULL,
    finding_no INTEGER NOT NULL,
    record_no  INTEGER NOT NULL,
    body       TEXT NOT NULL,
    PRIMARY KEY (run_id, finding_no)
) STRICT, WITHOUT ROWID;

CREATE TABLE crossfoot_event (
    seq      INTEGER PRIMARY KEY,
    run_id   TEXT,
    at_ms    INTEGER NOT NULL,
    kind     TEXT NOT NULL,
    actor    TEXT NOT NULL,
    detail   TEXT NOT NULL,
    previous BLOB NOT NULL,
    hash     BLOB NOT NULL
) STRICT;

-- The log is appended to, never changed. Whoever drops these triggers is still seen by the chain of hashes.
CREATE TRIGGER crossfoot_event_no_update BEFORE UPDATE ON crossfoot_event
BEGIN SELECT RAISE(ABORT, 'the evidence log is append-only'); END;

CREATE TRIGGER crossfoot_event_no_delete BEFORE DELETE ON crossfoot_event
BEGIN SELECT RAISE(ABORT, 'the evidence log is append-only'); END;

-- REPLACE deletes without firing the trigger above.
CREATE TRIGGER crossfoot_event_no_replace BEFORE INSERT ON crossfoot_event
WHEN EXISTS (SELECT 1 FROM crossfoot_event WHERE seq = new.seq)
BEGIN SELECT RAISE(ABORT, 'the evidence log is append-only'); END;
