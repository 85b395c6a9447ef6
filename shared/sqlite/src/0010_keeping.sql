-- What retention removed of a run, by kind. What is not here was not removed.
CREATE TABLE crossfoot_removed (
    run_id        TEXT NOT NULL,
    kind          TEXT NOT NULL,
    removed_at_ms INTEGER NOT NULL,
    row_count     INTEGER NOT NULL,
    byte_count    INTEGER NOT NULL,
    PRIMARY KEY (run_id, kind)
) STRICT;
