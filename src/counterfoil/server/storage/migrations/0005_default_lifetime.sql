-- One row: how long an access token lives where its API does not say, as the server last started.
-- generation is that of the server's own audience, userinfo.
CREATE TABLE default_lifetime (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    seconds INTEGER NOT NULL,
    generation INTEGER NOT NULL
) STRICT;

-- When the browser was last given the cookie of a session: apps use sessions too, without one.
ALTER TABLE sessions ADD COLUMN cookie_set_at INTEGER NOT NULL DEFAULT 0;
