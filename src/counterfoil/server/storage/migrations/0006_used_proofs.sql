-- DPoP proofs that were used, by a SHA-256, until no clock would take them for timely.

CREATE TABLE proofs (
    id BLOB PRIMARY KEY,
    until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX proofs_by_expiry ON proofs (until);
