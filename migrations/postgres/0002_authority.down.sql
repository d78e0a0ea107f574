DROP INDEX timeline_kind;
DROP TABLE frozen;
DROP TABLE roster;
