DROP TABLE status_update;
