-- When the last entry was written down, of whatever kind: what is to be done after an incident is
-- recorded, and does not keep the incident open as `last_at` does. NULL: nothing was, since then.
ALTER TABLE incident ADD COLUMN written_at INTEGER;
