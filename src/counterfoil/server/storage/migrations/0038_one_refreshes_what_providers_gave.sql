-- Until when a server is refreshing what a provider gave: many providers take a refresh token once,
-- and end all of them where it comes twice.

ALTER TABLE linked_identities ADD COLUMN refreshing_until INTEGER NOT NULL DEFAULT 0;
