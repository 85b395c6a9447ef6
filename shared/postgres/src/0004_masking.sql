-- One row: the key that the content of sensitive fields is masked with; NULL if it is an operator's, who keeps it.
CREATE TABLE crossfoot_masking (
    one       integer PRIMARY KEY CHECK (one = 1),
    key       bytea,
    key_check bytea NOT NULL
);
