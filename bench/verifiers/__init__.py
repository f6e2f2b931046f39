"""Others who verify access tokens, beside the guard: the same tokens, in one run, on one core."""
