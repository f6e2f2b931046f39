-- Where guards saw which token, until it has expired; and of which pairs of places was told.

CREATE TABLE sightings (
    jti TEXT NOT NULL,
    network TEXT NOT NULL,
    place TEXT NOT NULL,
    first_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    uses INTEGER NOT NULL,
    client_id TEXT NOT NULL,
    family_id TEXT NOT NULL,
    kept_until INTEGER NOT NULL,
    PRIMARY KEY (jti, network)
) STRICT, WITHOUT ROWID;
CREATE INDEX sightings_of_owner ON sightings (client_id, family_id);
CREATE INDEX sightings_by_end ON sightings (kept_until);

-- network comes before other_network: a pair is the same in either order.
CREATE TABLE told_places (
    jti TEXT NOT NULL,
    network TEXT NOT NULL,
    other_network TEXT NOT NULL,
    client_id TEXT NOT NULL,
    family_id TEXT NOT NULL,
    kept_until INTEGER NOT NULL,
    PRIMARY KEY (jti, network, other_network)
) STRICT, WITHOUT ROWID;
CREATE INDEX told_places_of_owner ON told_places (client_id, family_id);
CREATE INDEX told_places_by_end ON told_places (kept_until);
