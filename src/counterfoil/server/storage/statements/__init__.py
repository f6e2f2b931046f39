"""The statements, one module per record, in SQL that SQLite and PostgreSQL both take."""
