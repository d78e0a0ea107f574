DELETE FROM counter WHERE name = 'oldest_reader';
DROP INDEX message_card;
DROP INDEX message_place;
DROP INDEX rollback_open;
