-- Mail that waits to be sent. What it says, and to whom, is sealed under a key of the server.

-- A row leaves when its letter was sent, or can be of use no more. due_at: when it is tried (again).
CREATE TABLE outbox (
    id TEXT PRIMARY KEY,
    sealed BLOB NOT NULL,
    due_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX outbox_by_due ON outbox (due_at);
CREATE INDEX outbox_by_expiry ON outbox (expires_at);
