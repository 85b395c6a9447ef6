-- What was removed of a run: names of parts, with commas between them. A run is purged if all its rows were.
ALTER TABLE crossfoot_run ADD COLUMN removed TEXT NOT NULL DEFAULT '';
UPDATE crossfoot_run SET removed = 'staging,rejects,reports' WHERE purged;
-- What was counted of its chunks, as JSON, where these were removed; NULL while they are there.
ALTER TABLE crossfoot_run ADD COLUMN totals TEXT;
-- Runs that were removed are named by the log alone.
CREATE INDEX crossfoot_event_removed ON crossfoot_event (seq) WHERE kind = 'run-removed';
