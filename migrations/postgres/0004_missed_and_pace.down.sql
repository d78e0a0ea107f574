DROP TABLE pace;
DROP TABLE missed;
ALTER TABLE step DROP COLUMN wanted_at;
