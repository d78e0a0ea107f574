-- By which clock somebody means a time of day: the zone that they have in Slack, and how far it was
-- ahead of UTC when it was read, in seconds. NULL: it was not read.
ALTER TABLE standing ADD COLUMN zone TEXT;
ALTER TABLE standing ADD COLUMN utc_offset INTEGER;
