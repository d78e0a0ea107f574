DELETE FROM counter WHERE name = 'alert';
DROP TABLE alert_group;
