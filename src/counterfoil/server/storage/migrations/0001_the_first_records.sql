-- Times are whole seconds since the epoch, UTC. Structured values are JSON text.

CREATE TABLE users (
    id TEXT PRIMARY KEY,
    email TEXT NOT NULL,
    email_key TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    password_hash TEXT,
    name TEXT,
    is_admin INTEGER NOT NULL,
    disabled_at INTEGER,
    failed_sign_ins INTEGER NOT NULL,
    locked_until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE,
    user_id TEXT NOT NULL REFERENCES users (id),
    auth_time INTEGER NOT NULL,
    last_used_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    origin TEXT NOT NULL,
    ended_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_of_user ON sessions (user_id);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);
CREATE INDEX sessions_ended ON sessions (ended_at) WHERE ended_at IS NOT NULL;

CREATE TABLE clients (
    client_id TEXT PRIMARY KEY,
    client_name TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    grant_types TEXT NOT NULL,
    scopes TEXT NOT NULL,
    redirect_uris TEXT NOT NULL,
    post_logout_redirect_uris TEXT NOT NULL,
    public INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    disabled_at INTEGER,
    access TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Kept by client and age: every authentication reads them in this order.
CREATE TABLE client_secrets (
    id TEXT NOT NULL UNIQUE,
    client_id TEXT NOT NULL REFERENCES clients (client_id),
    digest BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    last_used_at INTEGER,
    PRIMARY KEY (client_id, created_at, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX client_secrets_by_expiry ON client_secrets (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE apis (
    uri TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    scopes TEXT NOT NULL,
    token_lifetime INTEGER,
    generation INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE grants (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id),
    client_id TEXT NOT NULL REFERENCES clients (client_id),
    access TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    ended_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX grants_live ON grants (user_id, client_id) WHERE ended_at IS NULL;
CREATE INDEX grants_of_user ON grants (user_id);
CREATE INDEX grants_of_client ON grants (client_id);
CREATE INDEX grants_ended ON grants (ended_at) WHERE ended_at IS NOT NULL;

-- kept: a family was made from the code; the row leaves with the family.
CREATE TABLE authorizations (
    digest BLOB PRIMARY KEY,
    client_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    grant_id TEXT NOT NULL REFERENCES grants (id),
    session_id TEXT,
    redirect_uri TEXT NOT NULL,
    code_challenge TEXT NOT NULL,
    access TEXT NOT NULL,
    auth_time INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    origin TEXT NOT NULL,
    nonce TEXT,
    taken_at INTEGER,
    family_id TEXT,
    wrong_verifiers INTEGER NOT NULL,
    kept INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX authorizations_of_grant ON authorizations (grant_id);
CREATE INDEX authorizations_of_session ON authorizations (session_id) WHERE taken_at IS NULL;
CREATE INDEX authorizations_of_family ON authorizations (family_id) WHERE family_id IS NOT NULL;
CREATE INDEX authorizations_by_expiry ON authorizations (expires_at) WHERE kept = 0;

CREATE TABLE families (
    id TEXT PRIMARY KEY,
    grant_id TEXT NOT NULL REFERENCES grants (id),
    client_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    session_id TEXT,
    access TEXT NOT NULL,
    auth_time INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    last_used_at INTEGER NOT NULL,
    access_expires_at INTEGER NOT NULL,
    origin TEXT NOT NULL,
    binding_method TEXT NOT NULL,
    binding_thumbprint TEXT NOT NULL,
    refresh_generation INTEGER NOT NULL,
    refresh_digest BLOB,
    refresh_expires_at INTEGER NOT NULL,
    absolute_expires_at INTEGER NOT NULL,
    rotated_at INTEGER NOT NULL,
    ended_at INTEGER,
    ended_why TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX families_of_grant ON families (grant_id);
CREATE INDEX families_of_session ON families (session_id) WHERE session_id IS NOT NULL;
CREATE INDEX families_by_expiry ON families (refresh_expires_at);

CREATE TABLE signing_keys (
    kid TEXT PRIMARY KEY,
    purpose TEXT NOT NULL,
    algorithm TEXT NOT NULL,
    public_jwk TEXT NOT NULL,
    sealed BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    active_from INTEGER NOT NULL,
    retired_at INTEGER,
    gone_at INTEGER,
    withdrawn_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE events (
    number INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    subject TEXT NOT NULL,
    address TEXT NOT NULL,
    user_agent TEXT NOT NULL,
    detail TEXT NOT NULL
) STRICT;

-- One row: how far the notices reach, the digest of their chain, how far they were swept.
CREATE TABLE feed (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    epoch TEXT NOT NULL,
    number INTEGER NOT NULL,
    digest TEXT NOT NULL,
    swept INTEGER NOT NULL
) STRICT;

CREATE TABLE notices (
    number INTEGER PRIMARY KEY,
    text BLOB NOT NULL,
    until INTEGER NOT NULL
) STRICT;
CREATE INDEX notices_by_expiry ON notices (until);

CREATE TABLE leases (
    name TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE sealed (
    name TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE marks (
    name TEXT PRIMARY KEY,
    number INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
