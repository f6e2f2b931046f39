-- contract: servers that know 0040, of version 0.1.0 or newer, may serve after this.
-- rebuilt: authorizations by expires_at, families by created_at.

-- Rows that grow with every authorization lie in the order in which they came, found by an index of
-- their names. In a tree of whole rows, by names that are random, each row was another page to
-- write, and a page held so few that the tree was twice as deep. Nothing is taken away from older
-- servers; but writing waits for as long as it takes, and so it is done when it is asked for.
