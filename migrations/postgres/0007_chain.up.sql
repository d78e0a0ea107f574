-- The hash of the event before: NULL in what versions wrote that had none.
ALTER TABLE timeline ADD COLUMN previous TEXT;
-- The hash of the last event that has one before it, and its place. An older version that runs
-- beside this one raises last_seq alone: what it wrote is between head_seq and last_seq.
ALTER TABLE incident ADD COLUMN head TEXT;
ALTER TABLE incident ADD COLUMN head_seq BIGINT;
