-- Tokens of those APIs that want each one written down, until it has expired.

CREATE TABLE issued_tokens (
    number INTEGER PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE,
    jti TEXT NOT NULL,
    family_id TEXT NOT NULL,
    client_id TEXT NOT NULL,
    client_generation INTEGER NOT NULL,
    audience TEXT NOT NULL,
    api_generation INTEGER NOT NULL,
    kid TEXT NOT NULL,
    issued_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    kept_until INTEGER NOT NULL,
    claims TEXT,
    list_id TEXT,
    idx INTEGER
) STRICT;
CREATE INDEX issued_tokens_of_api ON issued_tokens (audience, number);
CREATE INDEX issued_tokens_by_end ON issued_tokens (kept_until);
CREATE UNIQUE INDEX issued_tokens_in_list ON issued_tokens (list_id, idx)
    WHERE list_id IS NOT NULL;

-- filled: how many places were ever given, those of tokens that have been swept included.
CREATE TABLE status_lists (
    id TEXT PRIMARY KEY,
    audience TEXT NOT NULL,
    filled INTEGER NOT NULL,
    kept_until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX status_lists_of_api ON status_lists (audience, filled);
CREATE INDEX status_lists_by_end ON status_lists (kept_until);
