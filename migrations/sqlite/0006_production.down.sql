DROP INDEX one_open_production;
ALTER TABLE rollback DROP COLUMN production;
