DROP INDEX rollback_of_incident;
ALTER TABLE incident DROP COLUMN course;
