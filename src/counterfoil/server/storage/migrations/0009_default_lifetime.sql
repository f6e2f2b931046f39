-- One row: how long an access token lives where its API does not say, as the server last started.
-- generation is that of the server's own audience, userinfo.
CREATE TABLE default_lifetime (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    seconds INTEGER NOT NULL,
    generation INTEGER NOT NULL
) STRICT;
