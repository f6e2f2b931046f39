"""A single-page app whose tokens stay on its server."""
