"""The protocol pipeline: who asks, whether they may, what is decided, minted and ended."""
