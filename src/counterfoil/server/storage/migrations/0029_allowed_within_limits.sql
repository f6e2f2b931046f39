-- What of a grant the person allowed within limits only (RFC 9396).

ALTER TABLE grants ADD COLUMN limited TEXT NOT NULL DEFAULT '{}';
