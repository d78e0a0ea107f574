DROP TABLE sight;
DROP TABLE inbox;
DROP TABLE message;
DROP TABLE step;
DROP TABLE timeline;
DROP TABLE rollback;
DROP TABLE incident;
DROP TABLE counter;
