DELETE FROM step WHERE key LIKE 'DR-%';
DELETE FROM message WHERE key LIKE 'DR-%';
DELETE FROM checklist WHERE rollback < 0;
DELETE FROM action WHERE incident < 0;
DELETE FROM timeline WHERE incident < 0;
DELETE FROM rollback WHERE id < 0;
DELETE FROM incident WHERE id < 0;
UPDATE counter SET value = 2 WHERE name = 'oldest_reader' AND value = 20;
