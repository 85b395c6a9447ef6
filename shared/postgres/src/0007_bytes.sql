-- Where a chunk's bytes went, by record type and class, as JSON; NULL if a version before 0.2.0 committed it.
ALTER TABLE crossfoot_chunk ADD COLUMN byte_shares text;
