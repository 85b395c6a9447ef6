-- 1 if the source ends with the chunk, in a job in which the last record's type is told by its position.
ALTER TABLE crossfoot_chunk ADD COLUMN ends_source bigint NOT NULL DEFAULT 0;
