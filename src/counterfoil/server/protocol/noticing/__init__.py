"""Noticing that somebody is not who they seem to be, and what follows (S106, S107, S108)."""
