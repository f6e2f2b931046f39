-- Policies of clients and APIs, end dates, styles of sign-in, and refresh that survives lost answers.

ALTER TABLE clients ADD COLUMN policy TEXT NOT NULL DEFAULT '{}';
ALTER TABLE apis ADD COLUMN policy TEXT NOT NULL DEFAULT '{}';
ALTER TABLE grants ADD COLUMN ends_at INTEGER;
CREATE INDEX grants_by_end ON grants (ends_at) WHERE ends_at IS NOT NULL AND ended_at IS NULL;
ALTER TABLE sessions ADD COLUMN style TEXT NOT NULL DEFAULT 'sliding';
ALTER TABLE families ADD COLUMN sealed_successor BLOB;
ALTER TABLE authorizations ADD COLUMN dpop_jkt TEXT;
