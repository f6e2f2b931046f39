-- Passkeys of people (S76): public keys alone. A row leaves when its person removes it.

CREATE TABLE passkeys (
    id TEXT PRIMARY KEY,
    credential_id BLOB NOT NULL UNIQUE,
    user_id TEXT NOT NULL,
    user_handle BLOB NOT NULL,
    public_key BLOB NOT NULL,
    name TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    sign_count INTEGER NOT NULL,
    transports TEXT NOT NULL,
    backup_eligible INTEGER NOT NULL,
    backed_up INTEGER NOT NULL,
    last_used_at INTEGER,
    suspect_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX passkeys_of_user ON passkeys (user_id);
