-- A message of a channel that somebody put into a timeline, as it is known now.
CREATE TABLE captured (
    channel  TEXT NOT NULL,
    ts       TEXT NOT NULL,
    incident INTEGER NOT NULL REFERENCES incident (id),
    doc      TEXT NOT NULL,
    PRIMARY KEY (channel, ts)
);
