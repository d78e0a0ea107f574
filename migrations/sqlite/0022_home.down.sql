DROP TABLE home;
DELETE FROM step WHERE kind = 'home';
