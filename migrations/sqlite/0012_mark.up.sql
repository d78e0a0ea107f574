-- What somebody has decided of a release: that it is bad, or that it is not.
CREATE TABLE mark (
    service     TEXT NOT NULL,
    environment TEXT NOT NULL,
    release     TEXT NOT NULL,
    doc         TEXT NOT NULL,
    PRIMARY KEY (service, environment, release)
);
