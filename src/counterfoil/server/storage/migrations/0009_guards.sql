-- Who follows the notices at which process, and who waits for a receipt. Rows live for seconds, those
-- of lost guards for an hour at most.

CREATE TABLE rolls (
    process TEXT PRIMARY KEY,
    document BLOB NOT NULL,
    until INTEGER NOT NULL
) STRICT;

CREATE TABLE waits (
    id TEXT PRIMARY KEY,
    epoch TEXT NOT NULL,
    number INTEGER NOT NULL,
    until INTEGER NOT NULL
) STRICT;

-- What a guard has said at another process than the one that holds its line.
CREATE TABLE guards_words (
    follower TEXT PRIMARY KEY,
    process TEXT NOT NULL,
    number INTEGER NOT NULL,
    leaves INTEGER NOT NULL,
    until INTEGER NOT NULL
) STRICT;
CREATE INDEX guards_words_by_process ON guards_words (process);

-- Guards whose lines broke, until their own policy must have bitten. client_id is empty for an
-- anonymous one.
CREATE TABLE lost_guards (
    name TEXT PRIMARY KEY,
    client_id TEXT NOT NULL,
    address TEXT NOT NULL,
    policy TEXT NOT NULL,
    until INTEGER NOT NULL
) STRICT;
CREATE INDEX lost_guards_by_end ON lost_guards (until);
CREATE INDEX lost_guards_by_address ON lost_guards (client_id, address);
