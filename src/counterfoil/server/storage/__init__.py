"""Where records are kept: SQLite now; statements that PostgreSQL takes as well."""
