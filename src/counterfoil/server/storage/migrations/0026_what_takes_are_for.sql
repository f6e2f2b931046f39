-- What was taken of an allowance for: the amount of a transaction, where only its number is counted.

ALTER TABLE takes ADD COLUMN purpose TEXT NOT NULL DEFAULT '';
