-- By which methods somebody signed in (RFC 8176), in the order of their use, between spaces.

ALTER TABLE sessions ADD COLUMN amr TEXT NOT NULL DEFAULT 'pwd';
ALTER TABLE authorizations ADD COLUMN amr TEXT NOT NULL DEFAULT 'pwd';
ALTER TABLE families ADD COLUMN amr TEXT NOT NULL DEFAULT 'pwd';
