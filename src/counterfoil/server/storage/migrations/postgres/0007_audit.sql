-- The audit log: lines chained over salted commitments; what is personal stands beside, erasable.

-- No database of this engine is older than the log.
DROP TABLE events;

-- Chained: number to about, by digest. Beside the chain: all after it, NULL where it was erased.
CREATE TABLE events (
    number INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    actor TEXT NOT NULL,
    subject TEXT NOT NULL,
    proof TEXT NOT NULL,
    detail TEXT NOT NULL,
    by_commitment TEXT NOT NULL,
    about_commitment TEXT NOT NULL,
    digest TEXT NOT NULL,
    by_salt BLOB,
    by_person TEXT,
    address TEXT,
    user_agent TEXT,
    about_salt BLOB,
    about_person TEXT,
    about_detail TEXT
) STRICT;
CREATE INDEX events_by_subject ON events (subject);
CREATE INDEX events_by_person ON events (by_person) WHERE by_person IS NOT NULL;
CREATE INDEX events_about_person ON events (about_person) WHERE about_person IS NOT NULL;

-- Closed stretches of the log. A row outlives its lines: the chain goes on from its digest.
CREATE TABLE audit_segments (
    last_number INTEGER PRIMARY KEY,
    first_number INTEGER NOT NULL,
    digest_before TEXT NOT NULL,
    last_digest TEXT NOT NULL,
    last_at INTEGER NOT NULL,
    exported_at INTEGER,
    dropped_at INTEGER
) STRICT;

-- Public halves of keys that signed heads, after the keys have gone: old heads stay witnesses.
CREATE TABLE feed_keys_before (
    kid TEXT PRIMARY KEY,
    algorithm TEXT NOT NULL,
    public_jwk TEXT NOT NULL,
    withdrawn_at INTEGER
) STRICT, WITHOUT ROWID;

-- Against mistakes of ours. Whoever owns the database can undo them: against that stand signed heads.
CREATE FUNCTION events_are_never_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a line of the audit log is never changed';
END $$;
CREATE TRIGGER events_are_never_changed BEFORE UPDATE OF number, at, kind, actor, subject, proof,
    detail, by_commitment, about_commitment, digest ON events
FOR EACH ROW EXECUTE FUNCTION events_are_never_changed();

CREATE FUNCTION events_leave_with_their_segment() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM gone WHERE number > coalesce(
            (SELECT max(last_number) FROM audit_segments WHERE dropped_at IS NOT NULL), 0)) THEN
        RAISE EXCEPTION 'a line of the audit log leaves with its segment only';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER events_leave_with_their_segment AFTER DELETE ON events REFERENCING OLD TABLE AS gone
FOR EACH STATEMENT EXECUTE FUNCTION events_leave_with_their_segment();
