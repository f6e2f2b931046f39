-- A provider may name an ended session by its own name alone (OpenID Connect Back-Channel Logout).

CREATE INDEX upstream_sessions_by_name ON upstream_sessions (sid) WHERE sid <> '';
