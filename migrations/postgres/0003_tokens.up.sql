-- Who may act without Slack. The token itself is stored nowhere, only its SHA-256.
CREATE TABLE token (
    id           TEXT PRIMARY KEY,
    person       TEXT   NOT NULL,
    name         TEXT   NOT NULL,
    hash         TEXT   NOT NULL UNIQUE,
    created_at   BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL,
    revoked_at   BIGINT,
    last_used_at BIGINT
);
CREATE INDEX token_person ON token (person);

-- What Slack said when it was last asked what the owner of a token is: 'member', or what else.
CREATE TABLE standing (
    person   TEXT PRIMARY KEY,
    standing TEXT   NOT NULL,
    name     TEXT   NOT NULL,
    read_at  BIGINT NOT NULL
);

-- What was said to an address of our own, where somebody waits for it.
CREATE TABLE reply (
    address TEXT PRIMARY KEY,
    doc     TEXT   NOT NULL,
    at      BIGINT NOT NULL
);
CREATE INDEX reply_age ON reply (at);

-- Whom a source of roles named when it last answered; a source that is silent does not undo it.
ALTER TABLE roster ADD COLUMN people TEXT;
