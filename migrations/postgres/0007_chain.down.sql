ALTER TABLE incident DROP COLUMN head_seq;
ALTER TABLE incident DROP COLUMN head;
ALTER TABLE timeline DROP COLUMN previous;
