ALTER TABLE roster DROP COLUMN people;
DROP TABLE reply;
DROP TABLE standing;
DROP TABLE token;
