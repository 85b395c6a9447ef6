-- The runs whose staging need not survive a crash of the server (`durability = "redrive"`). This table is as unlogged as
-- their rows: what empties those empties it, so that a run of this kind that is not in it has lost what it had staged.
CREATE UNLOGGED TABLE crossfoot_unlogged (
    run_id uuid PRIMARY KEY REFERENCES crossfoot_run (run_id) ON DELETE CASCADE
);
