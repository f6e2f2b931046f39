"""Keys: the signing keys in memory and their turn, and what seals them at rest."""
