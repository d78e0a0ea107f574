-- What others are told of incidents: drafts, and what was published.
CREATE TABLE status_update (
    id        BIGINT PRIMARY KEY,
    incident  BIGINT NOT NULL REFERENCES incident (id),
    root      BIGINT NOT NULL,
    published BIGINT NOT NULL,
    doc       TEXT NOT NULL
);
CREATE INDEX status_update_incident ON status_update (incident, published, id);
CREATE INDEX status_update_root ON status_update (root, published, id);
