-- Which servers run at this database, and which of them may: those that know what contracts demand.

CREATE TABLE server_processes (
    id TEXT PRIMARY KEY,
    version TEXT NOT NULL,
    knows INTEGER NOT NULL,
    place TEXT NOT NULL,
    until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX server_processes_by_end ON server_processes (until);

-- A row is there from before its contract is applied: older servers find it, and end.
CREATE TABLE contracts (
    number INTEGER PRIMARY KEY,
    needs INTEGER NOT NULL,
    version TEXT NOT NULL
) STRICT;
CREATE INDEX contracts_by_needs ON contracts (needs);
