-- Sign-in at other providers (S112): who they are, whom they know here, and what they gave us (S78).

-- The client secret is sealed. policy: what is believed of the provider, as JSON.
CREATE TABLE providers (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    issuer TEXT NOT NULL,
    client_id TEXT NOT NULL,
    sealed_secret BLOB NOT NULL,
    policy TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    disabled_at INTEGER
) STRICT, WITHOUT ROWID;

-- One person of one issuer is one person here. A row leaves when it is unlinked, or with its person
-- or provider. Tokens are sealed, and kept only where the provider's policy says so.
CREATE TABLE linked_identities (
    id TEXT PRIMARY KEY,
    provider_id TEXT NOT NULL,
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    user_id TEXT NOT NULL,
    label TEXT NOT NULL,
    linked_at INTEGER NOT NULL,
    last_used_at INTEGER NOT NULL,
    sealed_tokens BLOB,
    UNIQUE (provider_id, issuer, subject)
) STRICT, WITHOUT ROWID;
CREATE INDEX linked_identities_of_user ON linked_identities (user_id);

-- Which sessions were begun by whom at a provider, and as which session there.
CREATE TABLE upstream_sessions (
    session_id TEXT PRIMARY KEY,
    identity_id TEXT NOT NULL,
    sid TEXT NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX upstream_sessions_of_identity ON upstream_sessions (identity_id);
CREATE INDEX upstream_sessions_by_end ON upstream_sessions (expires_at);
