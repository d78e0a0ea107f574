DROP INDEX timeline_kind;
DROP TABLE freeze;
DROP TABLE roster;
