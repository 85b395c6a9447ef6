-- A run's own events are asked for: who opened, resumed, redrove and approved it.
CREATE INDEX crossfoot_event_run ON crossfoot_event (run_id, seq);
