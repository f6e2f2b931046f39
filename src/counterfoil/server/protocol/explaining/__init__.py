"""Why a token is refused: its checks one by one, in the guard's order, and what is behind it."""
