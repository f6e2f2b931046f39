-- When somebody showed that the address of an account is theirs; of those from before nobody knows.

ALTER TABLE users ADD COLUMN email_verified_at INTEGER;

-- Addresses that accounts had before: whoever has the link that was sent there takes the account
-- back to it. A row leaves when that is done, or can be done no more.
CREATE TABLE email_changes (
    digest BLOB PRIMARY KEY,
    user_id TEXT NOT NULL,
    email TEXT NOT NULL,
    changed_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX email_changes_of_user ON email_changes (user_id, changed_at);
CREATE INDEX email_changes_by_expiry ON email_changes (expires_at);
