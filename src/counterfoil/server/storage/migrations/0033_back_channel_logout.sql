-- Clients that are told when a session ends (OpenID Connect Back-Channel Logout 1.0).

ALTER TABLE clients ADD COLUMN backchannel_logout_uri TEXT NOT NULL DEFAULT '';
ALTER TABLE clients ADD COLUMN backchannel_logout_session_required INTEGER NOT NULL DEFAULT 0;

-- Those of them that somebody signed in to in this session, each between two spaces: who ends a
-- session has read its row, so that to tell nobody costs nothing.
ALTER TABLE sessions ADD COLUMN told_clients TEXT NOT NULL DEFAULT '';

-- What they are to be told. A row leaves when its client was told, or never will be: within a day.
-- sub: whose session that was, as the client knows them. It outlasts an account that is deleted,
-- for its apps must hear of that too.
CREATE TABLE logouts (
    id TEXT PRIMARY KEY,
    client_id TEXT NOT NULL,
    sub TEXT NOT NULL,
    session_id TEXT NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX logouts_in_line ON logouts (client_id, expires_at, id);
CREATE INDEX logouts_by_expiry ON logouts (expires_at);

-- One line for each client for whom something waits. due_at: when it is served (again).
CREATE TABLE logout_lines (
    client_id TEXT PRIMARY KEY,
    due_at INTEGER NOT NULL,
    failures INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX logout_lines_by_due ON logout_lines (due_at);
