"""A server of the Model Context Protocol behind the guard."""
