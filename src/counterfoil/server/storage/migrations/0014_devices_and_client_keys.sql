-- What devices without a browser ask for (RFC 8628), and the public keys of clients (RFC 7523).

-- A row leaves soon after it has expired. hurried: the last poll came too early.
CREATE TABLE device_requests (
    digest BLOB PRIMARY KEY,
    user_code BLOB NOT NULL UNIQUE,
    client_id TEXT NOT NULL,
    access TEXT NOT NULL,
    dpop_jkt TEXT,
    origin TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    state TEXT NOT NULL,
    poll_interval INTEGER NOT NULL,
    polled_at INTEGER,
    hurried INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX device_requests_by_expiry ON device_requests (expires_at);

-- A JWK Set; empty where the client has a secret, or nothing to prove itself by.
ALTER TABLE clients ADD COLUMN jwks TEXT NOT NULL DEFAULT '';
