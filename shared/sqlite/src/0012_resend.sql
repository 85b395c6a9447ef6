-- The run whose corrected rejects this run loads; NULL for a run on a source of its own.
ALTER TABLE crossfoot_run ADD COLUMN resends TEXT;
CREATE INDEX crossfoot_run_resends ON crossfoot_run (resends) WHERE resends IS NOT NULL;

-- Each record of such a run, and which reject it was before.
CREATE TABLE crossfoot_resent (
    run_id             TEXT NOT NULL,
    record_no          INTEGER NOT NULL,
    first_run_id       TEXT NOT NULL,
    first_record_no    INTEGER NOT NULL,
    first_offset_bytes INTEGER NOT NULL,
    PRIMARY KEY (run_id, record_no)
) STRICT, WITHOUT ROWID;
CREATE INDEX crossfoot_resent_first ON crossfoot_resent (first_run_id, first_record_no);
