DELETE FROM counter WHERE name = 'action';
DROP TABLE action;
