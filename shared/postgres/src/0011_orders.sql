-- What an operator asked of a run that is being driven: how many of its chunks may be in flight; NULL for its share of
-- the coordinator's window.
ALTER TABLE crossfoot_run ADD COLUMN window_chunks bigint;
-- When an operator asked a worker to finish its work in hand and end; NULL if nobody did.
ALTER TABLE crossfoot_worker ADD COLUMN drain_asked_at_ms bigint;
