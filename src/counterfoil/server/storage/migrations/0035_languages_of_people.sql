-- The language that a person has chosen for pages and letters; empty: what each browser asks for.

ALTER TABLE users ADD COLUMN language TEXT NOT NULL DEFAULT '';
