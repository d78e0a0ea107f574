-- What is open, without reading what is not.
CREATE INDEX rollback_open ON rollback (id) WHERE holds = 1;

-- Which message of ours is there.
CREATE INDEX message_place ON message (channel, ts);

-- The card that was last touched in a channel.
CREATE INDEX message_card ON message (channel, sent_at) WHERE key LIKE 'RB-%:card';

-- The lowest number of a change of the tables that a program has to know to work with them. A
-- change that only adds leaves it as it is; one that takes away or turns around sets its own.
INSERT INTO counter (name, value) VALUES ('oldest_reader', 2);
