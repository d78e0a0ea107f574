-- What others are told of incidents: drafts, and what was published.
CREATE TABLE status_update (
    id        INTEGER PRIMARY KEY,
    incident  INTEGER NOT NULL REFERENCES incident (id),
    root      INTEGER NOT NULL,
    published INTEGER NOT NULL,
    doc       TEXT NOT NULL
);
CREATE INDEX status_update_incident ON status_update (incident, published, id);
CREATE INDEX status_update_root ON status_update (root, published, id);
