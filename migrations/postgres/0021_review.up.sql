-- When somebody last reviewed a service, a role, the contacts or the decision matrix.
CREATE TABLE review (
    subject     TEXT PRIMARY KEY,
    reviewed_at BIGINT NOT NULL,
    doc         TEXT NOT NULL
);
