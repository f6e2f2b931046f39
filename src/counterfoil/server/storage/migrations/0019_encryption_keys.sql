-- The keys that the tokens of an API are encrypted to, as a JSON array; shared secrets are sealed.
ALTER TABLE apis ADD COLUMN encryption_keys TEXT NOT NULL DEFAULT '[]';
