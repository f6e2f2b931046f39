-- One row: the limits of refreshing as the settings say, in force and wanted by the server that
-- started last. clipped_to: the last family whose refresh token was clipped to those in force; NULL
-- when all are.
CREATE TABLE refresh_limits (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    in_force TEXT NOT NULL,
    wanted TEXT NOT NULL,
    clipped_to TEXT
) STRICT;
