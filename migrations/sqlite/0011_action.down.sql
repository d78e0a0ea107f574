DROP TABLE action;
