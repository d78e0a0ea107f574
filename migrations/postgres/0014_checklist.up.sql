-- What is looked at before, during and after a rollback.
CREATE TABLE checklist (
    rollback BIGINT PRIMARY KEY REFERENCES rollback (id),
    incident BIGINT NOT NULL REFERENCES incident (id),
    channel  TEXT NOT NULL,
    revision BIGINT NOT NULL,
    doc      TEXT NOT NULL
);
CREATE INDEX checklist_incident ON checklist (incident, rollback);
CREATE INDEX checklist_channel ON checklist (channel, rollback);
