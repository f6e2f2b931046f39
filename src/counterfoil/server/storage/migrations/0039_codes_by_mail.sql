-- Who has chosen to have codes sent by mail, as a second step where nothing better is at hand.

-- A row leaves when they choose otherwise, or when their password was chosen anew by mail.
CREATE TABLE mailed_codes (
    user_id TEXT PRIMARY KEY,
    since INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
