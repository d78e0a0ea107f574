-- Since when a step is tried without getting anywhere: how late it is does not depend on how often
-- it was tried.
ALTER TABLE step ADD COLUMN wanted_at INTEGER;

-- What was to be said in a channel while Slack took nothing: told in one message when it is back.
CREATE TABLE missed (
    channel TEXT NOT NULL,
    key     TEXT NOT NULL,
    at      INTEGER NOT NULL,
    tried   INTEGER NOT NULL,
    batch   TEXT,
    doc     TEXT NOT NULL,
    PRIMARY KEY (channel, key)
);

-- What is used up of Slack's limits, for all replicas: up to when, for each bucket of calls.
CREATE TABLE pace (
    bucket TEXT PRIMARY KEY,
    until  INTEGER NOT NULL
);
