-- Lists for administrators, newest first: a part costs the same however long the list is.

CREATE INDEX users_by_age ON users (created_at, id);
CREATE INDEX sessions_by_age ON sessions (auth_time, id) WHERE ended_at IS NULL;
CREATE INDEX grants_by_age ON grants (created_at, id) WHERE ended_at IS NULL;
CREATE INDEX grants_of_client_by_age ON grants (client_id, created_at, id) WHERE ended_at IS NULL;
CREATE INDEX families_by_age ON families (created_at, id) WHERE ended_at IS NULL;
