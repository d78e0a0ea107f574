-- What the platform itself calls the production of a rollback, whatever service it was asked for.
ALTER TABLE rollback ADD COLUMN production TEXT;
CREATE UNIQUE INDEX one_open_production ON rollback (production) WHERE holds = 1;
