-- Rights of clients to mint tokens for people, and what came of them.

-- users: a list of ids; empty where any_user is 1.
CREATE TABLE mint_rights (
    id TEXT PRIMARY KEY,
    client_id TEXT NOT NULL REFERENCES clients (client_id),
    users TEXT NOT NULL,
    any_user INTEGER NOT NULL,
    access TEXT NOT NULL,
    longest INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    ends_at INTEGER NOT NULL,
    given_by TEXT NOT NULL,
    ended_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX mint_rights_of_client ON mint_rights (client_id);
CREATE INDEX mint_rights_by_end ON mint_rights (ends_at);

-- The row leaves with its family.
CREATE TABLE made_for (
    family_id TEXT PRIMARY KEY,
    right_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    tokens INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX made_for_of_right ON made_for (right_id, user_id);
CREATE INDEX made_for_of_user ON made_for (user_id);
