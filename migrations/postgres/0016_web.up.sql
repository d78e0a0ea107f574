-- Who is signed in to the pages. What a browser keeps is stored nowhere, only its SHA-256.
CREATE TABLE web_session (
    digest     TEXT PRIMARY KEY,
    person     TEXT   NOT NULL,
    name       TEXT   NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX web_session_person ON web_session (person, expires_at);
