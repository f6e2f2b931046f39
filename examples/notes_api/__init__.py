"""A small API behind the guard."""
