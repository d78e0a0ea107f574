-- What people have decided about an incident, as one document: NULL while they have decided nothing.
ALTER TABLE incident ADD COLUMN course TEXT;
-- The rollbacks of an incident.
CREATE INDEX rollback_of_incident ON rollback (incident, id);
