-- A heartbeat tells whether work moves: since when a worker has had the message in hand that it works on; NULL when it
-- waits for one.
ALTER TABLE crossfoot_worker ADD COLUMN in_hand_since_ms bigint;
