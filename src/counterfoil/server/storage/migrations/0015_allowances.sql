-- What a limited token may still do, from its issue until it has expired; and what guards took of it.

CREATE TABLE allowances (
    jti TEXT NOT NULL,
    name TEXT NOT NULL,
    total INTEGER NOT NULL,
    taken INTEGER NOT NULL,
    -- What the last take got: a statement can give back only what it wrote.
    granted INTEGER NOT NULL,
    subject TEXT NOT NULL,
    family_id TEXT NOT NULL,
    client_id TEXT NOT NULL,
    client_generation INTEGER NOT NULL,
    audience TEXT NOT NULL,
    api_generation INTEGER NOT NULL,
    kid TEXT NOT NULL,
    issued_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    kept_until INTEGER NOT NULL,
    PRIMARY KEY (jti, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX allowances_of_subject ON allowances (subject, jti);
CREATE INDEX allowances_of_client ON allowances (client_id, jti);
CREATE INDEX allowances_by_end ON allowances (kept_until);

CREATE TABLE takes (
    jti TEXT NOT NULL,
    name TEXT NOT NULL,
    key TEXT NOT NULL,
    taker TEXT NOT NULL,
    amount INTEGER NOT NULL,
    least INTEGER NOT NULL,
    granted INTEGER NOT NULL,
    returned INTEGER NOT NULL,
    kept_until INTEGER NOT NULL,
    PRIMARY KEY (jti, name, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX takes_by_end ON takes (kept_until);
