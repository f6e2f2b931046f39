"""How the guard and the client speak HTTP, and the format of the notices' stream."""
