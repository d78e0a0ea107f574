-- What is looked at before, during and after a rollback.
CREATE TABLE checklist (
    rollback INTEGER PRIMARY KEY REFERENCES rollback (id),
    incident INTEGER NOT NULL REFERENCES incident (id),
    channel  TEXT NOT NULL,
    revision INTEGER NOT NULL,
    doc      TEXT NOT NULL
);
CREATE INDEX checklist_incident ON checklist (incident, rollback);
CREATE INDEX checklist_channel ON checklist (channel, rollback);
