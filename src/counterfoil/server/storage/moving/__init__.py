"""Moving all records from one database to another, whatever their engines."""
