-- Who was in a role's source when it was last read: for cards; a click reads it again.
CREATE TABLE roster (
    source  TEXT PRIMARY KEY,
    read_at BIGINT NOT NULL,
    doc     TEXT    NOT NULL
);

-- A wish that nothing be changed on a service.
CREATE TABLE frozen (
    service     TEXT NOT NULL,
    environment TEXT NOT NULL,
    doc         TEXT NOT NULL,
    PRIMARY KEY (service, environment)
);

-- How often something of a kind happened lately.
CREATE INDEX timeline_kind ON timeline (kind, at);
