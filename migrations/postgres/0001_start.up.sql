-- Ids people see: RB-1, INC-1.
CREATE TABLE counter (
    name  TEXT PRIMARY KEY,
    value BIGINT NOT NULL
);
INSERT INTO counter (name, value) VALUES ('rollback', 0), ('incident', 0);

-- The story of one channel. last_seq is taken under its row, so timelines have no holes.
CREATE TABLE incident (
    id        BIGINT PRIMARY KEY,
    channel   TEXT    NOT NULL,
    opened_at BIGINT NOT NULL,
    last_at   BIGINT NOT NULL,
    last_seq  BIGINT NOT NULL
);
CREATE INDEX incident_channel ON incident (channel, id);

-- One document, and the columns that are asked for.
CREATE TABLE rollback (
    id          BIGINT PRIMARY KEY,
    revision    BIGINT NOT NULL,
    incident    BIGINT NOT NULL REFERENCES incident (id),
    service     TEXT    NOT NULL,
    environment TEXT    NOT NULL,
    state       TEXT    NOT NULL,
    holds       BIGINT NOT NULL,
    doc         TEXT    NOT NULL
);
CREATE UNIQUE INDEX one_open_rollback ON rollback (service, environment) WHERE holds = 1;
CREATE INDEX rollback_of_service ON rollback (service, environment, id);

-- Append-only: a correction is a new entry.
CREATE TABLE timeline (
    incident    BIGINT NOT NULL REFERENCES incident (id),
    seq         BIGINT NOT NULL,
    rollback    BIGINT,
    kind        TEXT    NOT NULL,
    at          BIGINT NOT NULL,
    recorded_at BIGINT NOT NULL,
    doc         TEXT    NOT NULL,
    PRIMARY KEY (incident, seq)
);

-- What is left to do. due_at is the bot's clock, lease_until the database's.
CREATE TABLE step (
    kind        TEXT    NOT NULL,
    key         TEXT    NOT NULL,
    payload     TEXT    NOT NULL,
    due_at      BIGINT,
    attempt     BIGINT NOT NULL DEFAULT 0,
    signal      BIGINT NOT NULL DEFAULT 0,
    epoch       BIGINT NOT NULL DEFAULT 0,
    lease_until BIGINT,
    last_error  TEXT,
    PRIMARY KEY (kind, key)
);
CREATE INDEX step_due ON step (due_at) WHERE due_at IS NOT NULL;

-- Messages as desired state: what was sent last, and where it is.
CREATE TABLE message (
    key     TEXT PRIMARY KEY,
    channel TEXT    NOT NULL,
    ts      TEXT,
    sent    BIGINT NOT NULL DEFAULT 0,
    sent_at BIGINT NOT NULL DEFAULT 0
);

CREATE INDEX message_channel ON message (channel, sent_at);

-- Input that was taken, with the answer it got: a redelivery gets the same one.
CREATE TABLE inbox (
    key         TEXT PRIMARY KEY,
    answer      TEXT    NOT NULL,
    received_at BIGINT NOT NULL
);
CREATE INDEX inbox_age ON inbox (received_at);

-- What each platform served when it was last read.
CREATE TABLE sight (
    service     TEXT    NOT NULL,
    environment TEXT    NOT NULL,
    read_at     BIGINT NOT NULL,
    doc         TEXT    NOT NULL,
    PRIMARY KEY (service, environment)
);
