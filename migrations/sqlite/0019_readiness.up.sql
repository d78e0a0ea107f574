-- What was last read to tell whether a service could be rolled back, and what people were told of it.
CREATE TABLE readiness (
    service     TEXT NOT NULL,
    environment TEXT NOT NULL,
    read_at     INTEGER NOT NULL,
    facts       TEXT NOT NULL,
    told        TEXT,
    PRIMARY KEY (service, environment)
);
