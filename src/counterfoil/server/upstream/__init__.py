"""Providers, as their client: what is known of them, and who they say that somebody is (S112)."""
