-- Whose tokens a client may exchange for which (RFC 8693), and what an exchanged token ends with.

-- A list of {"from", "to", "scope"}.
ALTER TABLE clients ADD COLUMN exchange_rights TEXT NOT NULL DEFAULT '[]';

-- The marks of its parents, a list; most have none.
ALTER TABLE issued_tokens ADD COLUMN parents TEXT NOT NULL DEFAULT '[]';
