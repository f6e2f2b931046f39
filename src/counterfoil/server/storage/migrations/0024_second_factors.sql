-- Second factors: the authenticator app of a person, their recovery codes, and wrong tries (S105).

-- The secret is sealed. A code is good once: the step of the last one is kept.
CREATE TABLE authenticators (
    user_id TEXT PRIMARY KEY,
    sealed BLOB NOT NULL,
    added_at INTEGER NOT NULL,
    last_step INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A row leaves when its code is used, or all are replaced or taken away.
CREATE TABLE recovery_codes (
    user_id TEXT NOT NULL,
    digest BLOB NOT NULL,
    PRIMARY KEY (user_id, digest)
) STRICT, WITHOUT ROWID;

-- Wrong codes since the last right one, apart from wrong passwords. A row leaves with a right code,
-- or when nobody has tried for long.
CREATE TABLE factor_failures (
    user_id TEXT PRIMARY KEY,
    failures INTEGER NOT NULL,
    locked_until INTEGER NOT NULL,
    last_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX factor_failures_by_age ON factor_failures (last_at);
