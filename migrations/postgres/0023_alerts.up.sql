-- The alerts of one service that fire in one incident. `slot` is the channel that the configuration
-- has for them, with the service.
CREATE TABLE alert_group (
    id       BIGINT PRIMARY KEY,
    incident BIGINT NOT NULL REFERENCES incident (id),
    slot     TEXT NOT NULL,
    firing   BIGINT NOT NULL,
    doc      TEXT NOT NULL
);
CREATE INDEX alert_group_slot ON alert_group (slot, id);
CREATE INDEX alert_group_incident ON alert_group (incident, id);
CREATE INDEX alert_group_firing ON alert_group (firing, id);
INSERT INTO counter (name, value) VALUES ('alert', 0) ON CONFLICT (name) DO NOTHING;
