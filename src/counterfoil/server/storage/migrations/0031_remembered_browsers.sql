-- Browsers that are remembered when their session is over (S24): hashes alone. A row is deleted when
-- it ends, and swept when it has expired.

CREATE TABLE remembered_browsers (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL,
    digest BLOB NOT NULL,
    before BLOB NOT NULL,
    number INTEGER NOT NULL,
    browser TEXT NOT NULL,
    auth_time INTEGER NOT NULL,
    amr TEXT NOT NULL,
    used_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    origin TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX remembered_browsers_of_user ON remembered_browsers (user_id);
CREATE INDEX remembered_browsers_by_expiry ON remembered_browsers (expires_at);

-- By which of them a session was begun, or which was begun with it; and whether by that alone.
ALTER TABLE sessions ADD COLUMN remembered_id TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN recalled INTEGER NOT NULL DEFAULT 0;
