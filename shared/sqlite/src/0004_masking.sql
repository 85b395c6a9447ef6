-- One row: the key that the content of sensitive fields is masked with; NULL if it is an operator's, who keeps it.
CREATE TABLE crossfoot_masking (
    one       INTEGER PRIMARY KEY CHECK (one = 1),
    key       BLOB,
    key_check BLOB NOT NULL
) STRICT;
