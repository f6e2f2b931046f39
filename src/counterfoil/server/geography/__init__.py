"""Where in the world an address is, as far as a file says that the operator has put there."""
