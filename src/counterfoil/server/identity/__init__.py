"""Identity: how a person proves who they are, and how guessing is made slow."""
