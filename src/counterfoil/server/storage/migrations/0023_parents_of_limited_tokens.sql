-- What a limited token that was exchanged ends with (RFC 8693): the marks of its parents, a list.
-- Most have none.
ALTER TABLE allowances ADD COLUMN parents TEXT NOT NULL DEFAULT '[]';
