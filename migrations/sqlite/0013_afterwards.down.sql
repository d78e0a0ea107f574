ALTER TABLE incident DROP COLUMN written_at;
