"""What the server keeps: nouns with their rules, pure, and the promises of the store."""
