-- Links that let somebody do one thing, once (S72). Of each person and purpose there is one at most.

-- A row leaves when it is taken, replaced, ended with what it speaks of, or has expired.
CREATE TABLE action_tokens (
    user_id TEXT NOT NULL,
    purpose TEXT NOT NULL,
    digest BLOB NOT NULL UNIQUE,
    email TEXT NOT NULL,
    carries TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (user_id, purpose)
) STRICT, WITHOUT ROWID;
CREATE INDEX action_tokens_by_expiry ON action_tokens (expires_at);
