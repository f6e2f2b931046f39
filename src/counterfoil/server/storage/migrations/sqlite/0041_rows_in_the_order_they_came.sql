-- Rows that grow with every authorization lie in the order in which they came, found by an index of
-- their names. In a tree of whole rows, by names that are random, each row was another page to
-- write, and a page held so few that the tree was twice as deep.

CREATE TABLE authorizations_anew (
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
    kept INTEGER NOT NULL DEFAULT 0,
    dpop_jkt TEXT,
    amr TEXT NOT NULL DEFAULT 'pwd'
) STRICT;
INSERT INTO authorizations_anew (digest, client_id, user_id, grant_id, session_id, redirect_uri,
    code_challenge, access, auth_time, expires_at, origin, nonce, taken_at, family_id,
    wrong_verifiers, kept, dpop_jkt, amr)
SELECT digest, client_id, user_id, grant_id, session_id, redirect_uri, code_challenge, access,
    auth_time, expires_at, origin, nonce, taken_at, family_id, wrong_verifiers, kept, dpop_jkt, amr
FROM authorizations ORDER BY expires_at;
DROP TABLE authorizations;
ALTER TABLE authorizations_anew RENAME TO authorizations;
CREATE INDEX authorizations_of_grant ON authorizations (grant_id);
CREATE INDEX authorizations_of_session ON authorizations (session_id) WHERE taken_at IS NULL;
CREATE INDEX authorizations_of_family ON authorizations (family_id) WHERE family_id IS NOT NULL;
CREATE INDEX authorizations_by_expiry ON authorizations (expires_at) WHERE kept = 0;

CREATE TABLE families_anew (
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
    ended_why TEXT NOT NULL,
    sealed_successor BLOB,
    amr TEXT NOT NULL DEFAULT 'pwd'
) STRICT;
INSERT INTO families_anew (id, grant_id, client_id, user_id, session_id, access, auth_time,
    created_at, last_used_at, access_expires_at, origin, binding_method, binding_thumbprint,
    refresh_generation, refresh_digest, refresh_expires_at, absolute_expires_at, rotated_at,
    ended_at, ended_why, sealed_successor, amr)
SELECT id, grant_id, client_id, user_id, session_id, access, auth_time, created_at, last_used_at,
    access_expires_at, origin, binding_method, binding_thumbprint, refresh_generation,
    refresh_digest, refresh_expires_at, absolute_expires_at, rotated_at, ended_at, ended_why,
    sealed_successor, amr
FROM families ORDER BY created_at;
DROP TABLE families;
ALTER TABLE families_anew RENAME TO families;
CREATE INDEX families_of_grant ON families (grant_id);
CREATE INDEX families_of_session ON families (session_id) WHERE session_id IS NOT NULL;
CREATE INDEX families_by_expiry ON families (refresh_expires_at);
CREATE INDEX families_by_age ON families (created_at, id) WHERE ended_at IS NULL;
