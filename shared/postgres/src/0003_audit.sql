-- A run's own events are asked for: who opened, resumed, redrove and approved it.
CREATE INDEX crossfoot_event_run ON crossfoot_event (run_id, seq);

-- Besides the triggers: nobody is permitted to change the log, its owner included. (A superuser is asked for no permission;
-- whoever drops the triggers as one is still seen by the chain of hashes, and by checkpoints outside.)
REVOKE UPDATE, DELETE, TRUNCATE ON crossfoot_event FROM PUBLIC;
REVOKE UPDATE, DELETE, TRUNCATE ON crossfoot_event FROM CURRENT_USER;
