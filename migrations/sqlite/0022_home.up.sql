-- Who has opened the app's Home in Slack, and what is shown to them there.
CREATE TABLE home (
    person TEXT NOT NULL PRIMARY KEY,
    -- When they last opened it, in UTC microseconds.
    opened_at INTEGER NOT NULL,
    -- The SHA-256 of what was last published; NULL: whatever is published next is new.
    published TEXT,
    -- What Slack calls that state of the view; NULL: it is not known.
    hash TEXT,
    -- What came of what they last clicked there, and when that was; NULL: nothing is to be said.
    answer TEXT,
    answered_at INTEGER
);
