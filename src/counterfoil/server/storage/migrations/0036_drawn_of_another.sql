-- Of which other token's allowance of the same name this one draws: that of the token that its own
-- was exchanged for (RFC 8693). Empty: of none.

ALTER TABLE allowances ADD COLUMN draws_on TEXT NOT NULL DEFAULT '';
