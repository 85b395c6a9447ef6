-- The ledger and the evidence. Times are milliseconds since 1970-01-01 UTC; digests are 32 bytes, but for those that
-- runs and jobs are looked up by, which are hexadecimal text. What is JSON is kept as text: it is read back as it was
-- written, and jsonb would refuse a NUL and forget the order of keys.

CREATE TABLE crossfoot_job (
    digest text COLLATE "C" PRIMARY KEY,
    name   text NOT NULL,
    body   text NOT NULL
);

CREATE TABLE crossfoot_run (
    run_id             uuid PRIMARY KEY,
    job                text COLLATE "C" NOT NULL,
    job_digest         text COLLATE "C" NOT NULL REFERENCES crossfoot_job (digest),
    state              text NOT NULL,
    source             text NOT NULL,
    source_bytes       bigint,
    source_sha256      text COLLATE "C",
    declared           text,
    chunk_bytes        bigint NOT NULL,
    chunk_records      bigint NOT NULL,
    again              boolean NOT NULL,
    pause_after_staged boolean NOT NULL,
    actor              text NOT NULL,
    opened_at_ms       bigint NOT NULL,
    ended_at_ms        bigint,
    elapsed_ms         bigint NOT NULL DEFAULT 0,
    -- Counts how often the run was taken up; a coordinator with an older number is fenced off.
    epoch              bigint NOT NULL DEFAULT 0,
    -- Whether loading was taken up more than once: reports of what was committed just before may be missing then.
    interrupted        boolean NOT NULL DEFAULT false,
    lease_owner        text,
    lease_until_ms     bigint,
    purged             boolean NOT NULL DEFAULT false,
    note               text,
    -- Known once the splitter has reached the source's end.
    split_chunks       bigint,
    split_records      bigint,
    split_bytes        bigint,
    split_header_bytes bigint,
    split_disk_bytes   bigint,
    split_sha256       text COLLATE "C",
    -- What the last reconciliation found, as JSON.
    summary            text
);

CREATE INDEX crossfoot_run_split ON crossfoot_run (job, split_sha256);
CREATE INDEX crossfoot_run_source ON crossfoot_run (job, source_sha256);

CREATE TABLE crossfoot_worker (
    worker_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name          text NOT NULL,
    role          text NOT NULL,
    host          text NOT NULL,
    pid           bigint NOT NULL,
    version       text NOT NULL,
    started_at_ms bigint NOT NULL
);

CREATE TABLE crossfoot_chunk (
    run_id          uuid NOT NULL,
    chunk_no        bigint NOT NULL,
    state           text NOT NULL,
    offset_bytes    bigint NOT NULL,
    bytes           bigint NOT NULL,
    first_record_no bigint NOT NULL,
    records         bigint NOT NULL,
    sha256          bytea NOT NULL,
    -- Of each record type the latest record before the chunk, where records have parents: a JSON list.
    parents         text,
    -- From here on: what was committed.
    processor_id    bigint,
    writer_id       bigint,
    bytes_in        bigint,
    records_in      bigint,
    accepted        bigint,
    -- Of these, those of each record type: a JSON list.
    by_type         text,
    rejected        bigint,
    sums            text,
    rejected_sums   text,
    tree            bytea,
    footing         bytea,
    rules           text,
    reason          text,
    PRIMARY KEY (run_id, chunk_no)
);

CREATE TABLE crossfoot_report (
    run_id    uuid NOT NULL,
    chunk_no  bigint NOT NULL,
    role      text COLLATE "C" NOT NULL,
    worker_id bigint NOT NULL,
    records   bigint NOT NULL,
    accepted  bigint NOT NULL,
    rejected  bigint NOT NULL,
    bytes     bigint NOT NULL,
    busy_us   bigint NOT NULL,
    PRIMARY KEY (run_id, chunk_no, role, worker_id)
);

CREATE TABLE crossfoot_reject (
    run_id       uuid NOT NULL,
    chunk_no     bigint NOT NULL,
    record_no    bigint NOT NULL,
    offset_bytes bigint NOT NULL,
    worker_id    bigint NOT NULL,
    raw          bytea NOT NULL,
    PRIMARY KEY (run_id, chunk_no, record_no)
);

CREATE TABLE crossfoot_reject_reason (
    run_id    uuid NOT NULL,
    record_no bigint NOT NULL,
    reason_no bigint NOT NULL,
    field     text,
    code      text NOT NULL,
    detail    text NOT NULL,
    PRIMARY KEY (run_id, record_no, reason_no)
);

-- Records that break a rule, by the rule's place in the job; -1: the key is an earlier record's, -2: the key is in final already.
CREATE TABLE crossfoot_breach (
    run_id    uuid NOT NULL,
    rule_no   bigint NOT NULL,
    chunk_no  bigint NOT NULL,
    record_no bigint NOT NULL,
    PRIMARY KEY (run_id, rule_no, chunk_no, record_no)
);

-- Staged records that are not promoted: `held` by a rule, or `merged` into a later record with the same key.
CREATE TABLE crossfoot_exclusion (
    run_id    uuid NOT NULL,
    chunk_no  bigint NOT NULL,
    record_no bigint NOT NULL,
    kind      text NOT NULL,
    PRIMARY KEY (run_id, chunk_no, record_no)
);

CREATE TABLE crossfoot_check (
    run_id    uuid NOT NULL,
    check_no  bigint NOT NULL,
    name      text NOT NULL,
    verdict   text NOT NULL,
    body      text NOT NULL,
    PRIMARY KEY (run_id, check_no)
);

CREATE TABLE crossfoot_finding (
    run_id     uuid NOT NULL,
    finding_no bigint NOT NULL,
    record_no  bigint NOT NULL,
    body       text NOT NULL,
    PRIMARY KEY (run_id, finding_no)
);

CREATE TABLE crossfoot_event (
    seq      bigint PRIMARY KEY,
    run_id   text COLLATE "C",
    at_ms    bigint NOT NULL,
    kind     text NOT NULL,
    actor    text NOT NULL,
    detail   text NOT NULL,
    previous bytea NOT NULL,
    hash     bytea NOT NULL
);

-- The log is appended to, never changed. Whoever drops these triggers is still seen by the chain of hashes.
CREATE FUNCTION crossfoot_event_is_append_only() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'the evidence log is append-only'; END $$;

CREATE TRIGGER crossfoot_event_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON crossfoot_event
FOR EACH STATEMENT EXECUTE FUNCTION crossfoot_event_is_append_only();

-- Also for a session that plays the replica, in which triggers rest otherwise.
ALTER TABLE crossfoot_event ENABLE ALWAYS TRIGGER crossfoot_event_no_change;
