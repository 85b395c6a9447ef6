-- One row: the comparison that the fleet works for (`crossfoot reconcile --fleet`).
CREATE TABLE crossfoot_comparison (
    one            smallint PRIMARY KEY CHECK (one = 1),
    lease_owner    text NOT NULL,
    lease_until_ms bigint NOT NULL
);
