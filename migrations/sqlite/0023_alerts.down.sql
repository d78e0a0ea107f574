DROP TABLE alert_group;
