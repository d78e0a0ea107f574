-- What is to be done after an incident, and by whom.
CREATE TABLE action (
    id       INTEGER PRIMARY KEY,
    incident INTEGER NOT NULL REFERENCES incident (id),
    channel  TEXT NOT NULL,
    doc      TEXT NOT NULL
);
CREATE INDEX action_incident ON action (incident, id);
CREATE INDEX action_channel ON action (channel, id);
