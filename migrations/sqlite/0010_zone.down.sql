ALTER TABLE standing DROP COLUMN utc_offset;
ALTER TABLE standing DROP COLUMN zone;
