"""The admin API: one module for each noun, each operation one row of a table (OpenAPI 3.1)."""
