-- One row: the comparison that the fleet works for (`crossfoot reconcile --fleet`).
CREATE TABLE crossfoot_comparison (
    one            INTEGER PRIMARY KEY CHECK (one = 1),
    lease_owner    TEXT NOT NULL,
    lease_until_ms INTEGER NOT NULL
);
