-- Tokens that people make by hand: the digest alone, and what it opens.

-- A row leaves some time after its end, so that a person sees what became of it.
CREATE TABLE personal_tokens (
    id TEXT PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE,
    user_id TEXT NOT NULL,
    name TEXT NOT NULL,
    audience TEXT NOT NULL,
    scopes TEXT NOT NULL,
    networks TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    auth_time INTEGER,
    expires_at INTEGER NOT NULL,
    last_used_at INTEGER,
    last_used_from TEXT NOT NULL,
    ended_at INTEGER,
    ended_why TEXT NOT NULL,
    found_at TEXT NOT NULL,
    kept_until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX personal_tokens_of_user ON personal_tokens (user_id);
CREATE INDEX personal_tokens_of_api ON personal_tokens (audience);
CREATE INDEX personal_tokens_by_end ON personal_tokens (kept_until);

-- A secret that was found somewhere does not say whose it is.
CREATE INDEX client_secrets_by_digest ON client_secrets (digest);
